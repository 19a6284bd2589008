import { type ClosedPace, intendedMs, type OpenPace, spanMs } from './schedule.js'

/** A request whose time has come; times in milliseconds after the start. */
export interface Turn {
  /** Among the requests of this process. */
  readonly position: number
  readonly intendedMs: number
  /** When this process saw that its time had come. */
  readonly noticedMs: number
}

/** Which request comes next, by the time alone. */
export interface Turns {
  /** The next one whose time has come, which is thereby taken; null: none waits. */
  take(nowMs: number): Turn | null
  /** One that has waited for a connection as long as an answer may take, which is thereby given up. */
  takeExpired(nowMs: number): Turn | null
  /** When the next one's time comes, as far as the time decides that; null: it does not. */
  nextMs(): number | null
  /** No further one will come. */
  isOver(nowMs: number): boolean
}

/** How a process stands among others: of all requests it sends those with `index % processes === own`. */
export interface Share {
  readonly own: number
  readonly processes: number
  /** Its own requests. */
  readonly count: number
}

/** At a rate, in order. @param timeoutMs how long one may wait for a connection */
export const openTurns = (pace: OpenPace, { own, processes, count }: Share, timeoutMs: number): Turns => {
  // Those between `next` and `noticed` wait for a connection.
  let next = 0
  let noticed = 0
  const noticedMs = new Float64Array(count)
  const timeOf = (position: number): number => intendedMs(pace, position * processes + own)

  const notice = (nowMs: number): void => {
    for (; noticed < count && timeOf(noticed) <= nowMs; noticed += 1) noticedMs[noticed] = nowMs
  }
  const turn = (position: number): Turn => ({
    position,
    intendedMs: timeOf(position),
    noticedMs: noticedMs[position] ?? 0,
  })
  return {
    take(nowMs) {
      notice(nowMs)
      return next < noticed ? turn(next++) : null
    },
    takeExpired(nowMs) {
      notice(nowMs)
      return next < noticed && nowMs - timeOf(next) > timeoutMs ? turn(next++) : null
    },
    nextMs: () => (noticed < count ? timeOf(noticed) : null),
    isOver: () => next >= count,
  }
}

/** Whenever a connection is free, until the time is over or, where they are not repeated, the requests are. */
export const closedTurns = (pace: ClosedPace, { count }: Share, repeat: boolean): Turns => {
  let next = 0
  const isOver = (nowMs: number): boolean => nowMs >= spanMs(pace) || (!repeat && next >= count)
  return {
    take: (nowMs) =>
      isOver(nowMs) ? null : { position: next++ % count, intendedMs: nowMs, noticedMs: nowMs },
    takeExpired: () => null,
    nextMs: () => null,
    isOver,
  }
}
