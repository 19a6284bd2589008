import type { ContestantIndex, EventNumber, Shard } from '@votestream/schema/numbers'
import { type Books, emptyBooks } from '@votestream/schema/replay'

export type BooksByEvent = ReadonlyMap<EventNumber, Books>
export type TotalsByEvent = ReadonlyMap<EventNumber, ReadonlyMap<ContestantIndex, number>>

/** One shard's books, all three as of the same message of its log. */
export interface ShardBooks {
  readonly shard: Shard
  readonly position: number
  /** Undefined: the log was purged at its beginning, and a replay of the rest says nothing about who voted. */
  readonly log: BooksByEvent | undefined
  readonly redis: BooksByEvent
  readonly clickhouse: BooksByEvent
  /** What the window tallies of ClickHouse add up to. Undefined: they were of a later message. */
  readonly windows: TotalsByEvent | undefined
  /** Entries in what is left of the log, whatever became of them; in ClickHouse the same stretch. */
  readonly entriesInLog: ReadonlyMap<EventNumber, number>
  readonly entriesArchived: ReadonlyMap<EventNumber, number>
}

export interface Difference {
  readonly event: EventNumber
  readonly shard: Shard
  /** What is counted: `entries`, `contestant 3` … */
  readonly what: string
  /** Undefined: this source does not say. */
  readonly log: number | undefined
  readonly redis: number | undefined
  readonly clickhouse: number | undefined
  readonly windows: number | undefined
}

export interface EventComparison {
  readonly event: EventNumber
  /** All shards together. */
  readonly log: Books | undefined
  readonly redis: Books
  readonly clickhouse: Books
  readonly differences: readonly Difference[]
}

/** The books event by event, in the events' order. */
export const compareBooks = (shards: readonly ShardBooks[]): EventComparison[] => {
  const events = new Set(shards.flatMap(eventsOf))
  const logIsWhole = shards.every(({ log }) => log !== undefined)
  return [...events]
    .sort((a, b) => a - b)
    .map((event) => ({
      event,
      log: logIsWhole ? total(shards.map(({ log }) => log?.get(event))) : undefined,
      redis: total(shards.map(({ redis }) => redis.get(event))),
      clickhouse: total(shards.map(({ clickhouse }) => clickhouse.get(event))),
      differences: shards.flatMap((books) => differencesOf(event, books)),
    }))
}

const eventsOf = (books: ShardBooks): EventNumber[] =>
  [
    books.log,
    books.redis,
    books.clickhouse,
    books.windows,
    books.entriesInLog,
    books.entriesArchived,
  ].flatMap((source) => [...(source?.keys() ?? [])])

const total = (parts: readonly (Books | undefined)[]): Books => {
  const sum = emptyBooks()
  for (const part of parts) {
    if (!part) continue
    for (const field of FIELDS) sum[field] += part[field]
    for (const [contestant, votes] of part.totals) {
      sum.totals.set(contestant, (sum.totals.get(contestant) ?? 0) + votes)
    }
  }
  return sum
}

const FIELDS = ['entries', 'counted', 'rejected', 'superseded'] as const

const differencesOf = (event: EventNumber, books: ShardBooks): Difference[] => {
  const { shard } = books
  const none = emptyBooks()
  const log = books.log && (books.log.get(event) ?? none)
  const redis = books.redis.get(event) ?? none
  const clickhouse = books.clickhouse.get(event) ?? none
  const windows = books.windows && (books.windows.get(event) ?? none.totals)
  const contestants = new Set<ContestantIndex>(
    [log?.totals, redis.totals, clickhouse.totals, windows].flatMap((totals) => [...(totals?.keys() ?? [])]),
  )
  const compared: Difference[] = [
    {
      event,
      shard,
      what: 'entries in the log',
      log: books.entriesInLog.get(event) ?? 0,
      redis: undefined,
      clickhouse: books.entriesArchived.get(event) ?? 0,
      windows: undefined,
    },
    ...FIELDS.map((what) => ({
      event,
      shard,
      what,
      log: log?.[what],
      redis: redis[what],
      clickhouse: clickhouse[what],
      windows: undefined,
    })),
    ...[...contestants]
      .sort((a, b) => a - b)
      .map((contestant) => ({
        event,
        shard,
        what: `contestant ${contestant}`,
        log: log && (log.totals.get(contestant) ?? 0),
        redis: redis.totals.get(contestant) ?? 0,
        clickhouse: clickhouse.totals.get(contestant) ?? 0,
        windows: windows && (windows.get(contestant) ?? 0),
      })),
  ]
  return compared.filter(differ)
}

const differ = ({ log, redis, clickhouse, windows }: Difference): boolean =>
  new Set([log, redis, clickhouse, windows].filter((value) => value !== undefined)).size > 1
