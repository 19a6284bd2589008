import { decodeFromCompressedBase64 } from 'hdr-histogram-js'
import type { Sightings } from './end-to-end.js'
import { createLatencies, type Latencies } from './latencies.js'
import { forkLoadChild } from './load-child.js'
import { settling } from './settling.js'
import type { ViewerOptions } from './viewer.js'

export interface ViewersOptions extends ViewerOptions {
  readonly count: number
  /** Each viewer has one of them in turn: a service may limit the connections of one user. */
  readonly tokens: readonly string[]
  readonly contestantIds: readonly string[]
}

export type ViewersOrder =
  | ({ readonly do: 'watch' } & ViewersOptions)
  /** Boards that are received from then till then are asked for their age; of the monotonic clock. */
  | { readonly do: 'measure'; readonly fromMs: number; readonly untilMs: number }
  | { readonly do: 'look' }
  | { readonly do: 'tell' }

export type ViewersNews =
  | { readonly is: 'watching'; readonly before: readonly number[] }
  /** The fewest that any of those who look at the votes has on its board. */
  | { readonly is: 'seen'; readonly votes: number }
  | {
      readonly is: 'told'
      readonly sightings: readonly Sightings[]
      readonly ages: string
      readonly received: number
      readonly reconnects: number
      readonly backwards: number
    }
  | { readonly is: 'broken'; readonly reason: string }

/** What the viewers of a board saw. */
export interface Seen {
  /** By viewer, of a few of them; times of the monotonic clock. */
  readonly sightings: readonly Sightings[]
  /** From the acknowledgement of a board's last vote (`asOf`) to its receipt by each viewer, by the wall clocks. */
  readonly boardAges: Latencies
  readonly boardsReceived: number
  readonly reconnects: number
  /** Boards that were older than the one before them. */
  readonly backwards: number
}

/** Viewers in a process of their own. */
export interface Viewers {
  readonly pid: number
  /** Votes on the board that they were shown first, by contestant. */
  readonly before: readonly number[]
  measure(fromMs: number, untilMs: number): Promise<void>
  /** Of those who look at the votes, the fewest that one has on its board. */
  votesSeen(): Promise<number>
  /** Once: they leave. */
  tell(): Promise<Seen>
  stop(): Promise<void>
}

/** Resolves when every viewer was shown a board. @throws Error when one is refused. */
export const startViewers = async (options: ViewersOptions): Promise<Viewers> => {
  const watching = settling<readonly number[]>()
  const told = settling<Seen>()
  let looking = settling<number>()
  const file = new URL('./viewers-process.js', import.meta.url)
  const child = forkLoadChild<ViewersNews, ViewersOrder>(file, (news) => {
    switch (news.is) {
      case 'watching':
        return watching.resolve(news.before)
      case 'seen':
        return looking.resolve(news.votes)
      case 'told':
        return told.resolve(seenOf(news))
      case 'broken':
        for (const each of [watching, told, looking]) each.reject(new Error(news.reason))
    }
  })
  const answered = <Value>(promise: Promise<Value>): Promise<Value> => Promise.race([promise, child.broken])
  try {
    await child.send({ do: 'watch', ...options })
    const before = await answered(watching.promise)
    return {
      pid: child.pid,
      before,
      measure: (fromMs, untilMs) => child.send({ do: 'measure', fromMs, untilMs }),
      async votesSeen() {
        looking = settling<number>()
        await child.send({ do: 'look' })
        return answered(looking.promise)
      },
      async tell() {
        await child.send({ do: 'tell' })
        return answered(told.promise)
      },
      stop: child.stop,
    }
  } catch (error) {
    await child.stop()
    throw error
  }
}

const seenOf = (news: Extract<ViewersNews, { is: 'told' }>): Seen => {
  const boardAges = createLatencies()
  boardAges.histogram.add(decodeFromCompressedBase64(news.ages))
  const { sightings, received: boardsReceived, reconnects, backwards } = news
  return { sightings, boardAges, boardsReceived, reconnects, backwards }
}
