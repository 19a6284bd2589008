import type { SeenBoard } from './board-history.js'
import type { Violation } from './judgement.js'
import type { AttemptRecord } from './ledger.js'
import { type FaultLevels, levelsOf } from './levels.js'
import type { FaultName } from './schedule.js'

/** A fault that was done. */
export interface DoneFault {
  readonly name: FaultName
  readonly kills: readonly string[]
  readonly atMs: number
  /** When it was over, where it lasted; otherwise when it was done. */
  readonly endedAtMs: number
  /** When the next one came. */
  readonly untilMs: number
}

export interface Watched {
  readonly done: readonly DoneFault[]
  readonly attempts: readonly AttemptRecord[]
  /** Acknowledgements in the event that is watched, and since when a viewer's board held each. In order. */
  readonly shown: readonly ShownVote[]
  readonly shards: number
}

export interface ShownVote {
  readonly acknowledgedAtMs: number
  /** Undefined: never. */
  readonly shownAtMs: number | undefined
}

/** What became of the system after a fault. */
export interface Recovery {
  readonly fault: DoneFault
  readonly levels: FaultLevels
  readonly acknowledged: Course
  readonly shown: Course
}

interface Course {
  /** From the moment that counts until it worked again. Undefined: not before another fault excused it. */
  readonly tookMs: number | undefined
  /** Until then this fault excuses what it excuses. */
  readonly deadlineMs: number
  readonly late: boolean
}

/**
 * Boards say how many votes they hold, not which. The board that holds as many as were acknowledged up to a vote
 * is taken for the first that holds it: votes that count in the log and are not yet acknowledged may make it seem
 * a little younger than it is.
 */
export const shownVotes = (
  attempts: readonly AttemptRecord[],
  boards: readonly SeenBoard[],
  event: number,
): ShownVote[] => {
  const acknowledged = attempts
    .flatMap(({ attempt, final }) => (attempt.event === event && final?.status === 200 ? [final.atMs] : []))
    .sort((a, b) => a - b)
  let next = 0
  return acknowledged.map((acknowledgedAtMs, index) => {
    while (next < boards.length && (boards[next]?.total ?? 0) <= index) next += 1
    return { acknowledgedAtMs, shownAtMs: boards[next]?.atMs }
  })
}

type What = 'acknowledged' | 'shown'

/** @returns one for each fault, in order. */
export const recoveriesOf = ({ done, attempts, shown, shards }: Watched): Recovery[] => {
  const workedAgain = {
    acknowledged: (fromMs: number) => acknowledgedAgainMs(fromMs, attempts, shards),
    shown: (fromMs: number) => shown.find(({ acknowledgedAtMs }) => acknowledgedAtMs >= fromMs)?.shownAtMs,
  }
  const faults = done.map((fault) => ({ fault, levels: levelsOf(fault.name, fault.kills) }))
  const courses = (what: What): Course[] => {
    // Until then earlier faults were being recovered from, or might have been.
    let busyUntilMs = Number.NEGATIVE_INFINITY
    return faults.map(({ fault, levels }, index) => {
      const fromMs = levels.from === 'end' ? fault.endedAtMs : fault.atMs
      const withinMs = what === 'acknowledged' ? levels.acknowledgedWithinMs : levels.shownWithinMs
      // What an earlier fault still had to recover from is not laid at this one's door.
      const deadlineMs = Math.max(fromMs, busyUntilMs) + withinMs
      const next = faults.slice(index + 1).find((later) => later.levels[what] === 'excused')
      const nextMs = next?.fault.atMs ?? Number.POSITIVE_INFINITY
      const atMs = workedAgain[what](fromMs)
      const seen = atMs !== undefined && atMs <= nextMs
      busyUntilMs = Math.max(busyUntilMs, seen ? atMs : deadlineMs)
      const tookMs = seen ? atMs - fromMs : undefined
      return {
        tookMs,
        deadlineMs,
        late: (seen ? atMs : nextMs) > deadlineMs && Number.isFinite(seen ? atMs : nextMs),
      }
    })
  }
  const acknowledged = courses('acknowledged')
  const boards = courses('shown')
  return faults.flatMap(({ fault, levels }, index) => {
    const [votes, board] = [acknowledged[index], boards[index]]
    return votes && board ? [{ fault, levels, acknowledged: votes, shown: board }] : []
  })
}

/** When a vote that was first sent since then was acknowledged, in every shard. */
const acknowledgedAgainMs = (
  fromMs: number,
  attempts: readonly AttemptRecord[],
  shards: number,
): number | undefined => {
  const first = new Array<number>(shards).fill(Number.POSITIVE_INFINITY)
  for (const { attempt, final } of attempts) {
    if (attempt.atMs < fromMs || final?.status !== 200) continue
    const shard = attempt.voter % shards
    first[shard] = Math.min(first[shard] ?? 0, final.atMs)
  }
  const last = Math.max(...first)
  return Number.isFinite(last) ? last : undefined
}

export const judgeRecoveries = (recoveries: readonly Recovery[]): Violation[] =>
  recoveries.flatMap(({ fault, levels, acknowledged, shown }) => {
    const late = (what: string, { tookMs, deadlineMs }: Course): Violation => ({
      column: 'late',
      what,
      atMs: fault.atMs,
      detail: JSON.stringify({
        fault: fault.name,
        kills: fault.kills,
        tookMs,
        allowedMs: deadlineMs - fault.atMs,
        why: levels.why,
      }),
    })
    return [
      ...(acknowledged.late ? [late('votes were acknowledged again too late', acknowledged)] : []),
      ...(shown.late ? [late('boards moved again too late', shown)] : []),
    ]
  })
