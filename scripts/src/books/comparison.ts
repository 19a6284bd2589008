import type { ContestantIndex, EventNumber, Shard } from '@votestream/schema/numbers'
import { WINDOW_MS } from '@votestream/schema/redis-keys'
import { type Books, emptyBooks } from '@votestream/schema/replay'
import { MINUTE_MS } from './clickhouse-books.js'
import { type EventAtCut, NOTHING, type Rows, type Windows } from './log-cuts.js'
import type { RedisEvent } from './redis-books.js'

/** What each source says of one event in one shard, all of it as of the same message of the log. */
export interface EventReading {
  readonly event: EventNumber
  readonly sequence: number
  /** Undefined: nothing comparable is known of it (the log was purged at its beginning). */
  readonly log: EventAtCut | undefined
  /** Where the voters' bits were counted over a stretch of the log: the event at its end. */
  readonly logAfterBits: EventAtCut | undefined
  /** What stands in what is left of the log. */
  readonly logRows: Rows
  readonly redis: RedisEvent | undefined
  readonly clickhouse: EventAtCut | undefined
  /** ClickHouse also holds entries of an earlier stream, which take part in its outcomes: only rows compare. */
  readonly spansStreams: boolean
}

/** The minutes of ClickHouse as of their own message, and what they must be. */
export interface MinutesReading {
  readonly sequence: number
  readonly windows: ReadonlyMap<EventNumber, Windows>
  readonly log: ReadonlyMap<EventNumber, Windows>
  /** For the events of which the log does not tell: by the rows of ClickHouse itself. */
  readonly rows: ReadonlyMap<EventNumber, Windows>
}

export interface ShardReading {
  readonly shard: Shard
  readonly events: readonly EventReading[]
  readonly minutes: MinutesReading
}

/** What the sources say of one figure; undefined: it is not asked of this one. */
export interface Figures {
  readonly log: number | undefined
  readonly redis: number | undefined
  readonly clickhouse: number | undefined
  /** The window tallies of ClickHouse. */
  readonly windows: number | undefined
}

export interface Difference extends Figures {
  readonly event: EventNumber
  readonly shard: Shard
  /** The message of the shard's log up to which all of them speak. */
  readonly sequence: number
  readonly what: What
  readonly contestant: ContestantIndex | undefined
  readonly window: { readonly startMs: number; readonly lengthMs: number } | undefined
}

/**
 * `votes`, `closings`, `decisions` and `dead entries` are what stands in the log, whatever became of it; the
 * others are the books.
 */
export type What =
  | (typeof BOOKS)[number]
  | 'votes of a contestant'
  | 'votes of a window'
  | 'bits of voters'
  | 'bits of rejected votes'
  | 'closed'
  | `${'votes' | 'closings' | 'decisions' | 'dead entries'} in the log`

export interface EventComparison {
  readonly event: EventNumber
  /** All shards together; undefined where the log does not tell. */
  readonly log: Books | undefined
  readonly redis: Books
  readonly clickhouse: Books
  readonly differences: readonly Difference[]
}

/**
 * The books event by event, in the events' order.
 * @param asked events that are compared though nothing may be known of them.
 */
export const compareBooks = (
  shards: readonly ShardReading[],
  asked: Iterable<EventNumber> = [],
): EventComparison[] => {
  const readings = new Map<EventNumber, EventReading[]>()
  const differences = new Map<EventNumber, Difference[]>()
  for (const shard of shards) {
    for (const reading of shard.events) addTo(readings, reading.event, reading)
    for (const difference of differencesOf(shard)) addTo(differences, difference.event, difference)
  }
  const events = [...new Set([...readings.keys(), ...differences.keys(), ...asked])].sort((a, b) => a - b)
  return events.map((event) => {
    const parts = readings.get(event) ?? []
    return {
      event,
      log: parts.every(({ log }) => log) ? total(parts.map(({ log }) => log?.books)) : undefined,
      redis: total(parts.map(({ redis }) => redis?.books)),
      clickhouse: total(parts.map(({ clickhouse }) => clickhouse?.books)),
      differences: differences.get(event) ?? [],
    }
  })
}

const addTo = <Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void => {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  list.push(value)
}

const total = (parts: readonly (Books | undefined)[]): Books => {
  const sum = emptyBooks()
  for (const part of parts) {
    if (!part) continue
    for (const field of BOOKS) sum[field] += part[field]
    for (const [contestant, votes] of part.totals) {
      sum.totals.set(contestant, (sum.totals.get(contestant) ?? 0) + votes)
    }
  }
  return sum
}

export const BOOKS = ['entries', 'counted', 'rejected', 'superseded', 'dead'] as const

type Figure = Pick<Difference, 'what'> &
  Partial<Pick<Difference, 'contestant' | 'window'>> & { [Source in keyof Figures]?: number | undefined }

const differencesOf = ({ shard, events, minutes }: ShardReading): Difference[] => {
  const named = (event: EventNumber, sequence: number) => (figure: Figure) => ({
    contestant: undefined,
    window: undefined,
    log: undefined,
    redis: undefined,
    clickhouse: undefined,
    windows: undefined,
    ...figure,
    event,
    shard,
    sequence,
  })
  const ofMinutes = [...new Set([...minutes.windows.keys(), ...minutes.log.keys(), ...minutes.rows.keys()])]
  return [
    ...events.flatMap((reading) => figuresOf(reading).map(named(reading.event, reading.sequence))),
    ...ofMinutes.flatMap((event) => minuteFigures(event, minutes).map(named(event, minutes.sequence))),
  ].filter(differ)
}

const figuresOf = (reading: EventReading): Figure[] => {
  const { log, redis, clickhouse = NOTHING, spansStreams } = reading
  const books = {
    log: log?.books,
    redis: redis?.books ?? emptyBooks(),
    clickhouse: spansStreams ? undefined : clickhouse.books,
  }
  return [
    ...BOOKS.map((what) => ({
      what,
      log: books.log?.[what],
      redis: books.redis[what],
      clickhouse: books.clickhouse?.[what],
    })),
    ...contestantsOf(books.log?.totals, books.redis.totals, books.clickhouse?.totals).map((contestant) => ({
      what: 'votes of a contestant' as const,
      contestant,
      log: books.log && (books.log.totals.get(contestant) ?? 0),
      redis: books.redis.totals.get(contestant) ?? 0,
      clickhouse: books.clickhouse && (books.clickhouse.totals.get(contestant) ?? 0),
    })),
    ...windowFigures(reading),
    ...bitFigures(reading),
    {
      what: 'closed',
      log: log && Math.min(1, log.rows.closings),
      redis: Number(redis?.isClosed ?? false),
    },
    ...rowFigures(reading.logRows, clickhouse.rows),
  ]
}

const rowFigures = (log: Rows, clickhouse: Rows): Figure[] => [
  { what: 'votes in the log', log: log.votes, clickhouse: clickhouse.votes },
  { what: 'closings in the log', log: log.closings, clickhouse: clickhouse.closings },
  { what: 'decisions in the log', log: log.decisions, clickhouse: clickhouse.decisions },
  { what: 'dead entries in the log', log: log.dead, clickhouse: clickhouse.dead },
]

/** The windows of Redis that must be there. */
const windowFigures = ({ log, redis }: EventReading): Figure[] => {
  if (!log || !redis) return []
  const inLog = new Map([...log.books.windows].filter(([startMs]) => redis.mustHaveWindow(startMs)))
  const inRedis = new Map([...redis.books.windows].filter(([startMs]) => redis.mustHaveWindow(startMs)))
  return eachWindow(inLog, inRedis).map(({ startMs, contestant }) => ({
    what: 'votes of a window',
    contestant,
    window: { startMs, lengthMs: WINDOW_MS },
    log: votesIn(inLog, startMs, contestant),
    redis: votesIn(inRedis, startMs, contestant),
  }))
}

/**
 * Every voter whose vote was counted or rejected has a bit, and nobody else: owners of a shard learn from them who
 * has voted, so that a missing one would let somebody vote twice.
 */
const bitFigures = ({ log, logAfterBits, redis, clickhouse, spansStreams }: EventReading): Figure[] => {
  const bits = redis?.bits ?? { voted: 0, rejected: 0, fromSequence: 0, toSequence: 0 }
  const least = log?.books ?? (spansStreams ? undefined : (clickhouse ?? NOTHING).books)
  if (!least) return []
  if (bits.fromSequence === bits.toSequence) {
    const source = log ? 'log' : 'clickhouse'
    return [
      { what: 'bits of voters', [source]: votersOf(least), redis: bits.voted },
      { what: 'bits of rejected votes', [source]: least.rejected, redis: bits.rejected },
    ]
  }
  // Counted over a stretch of the log: they stand between its ends. Which of them were rejected meanwhile may
  // have gone up and down.
  if (!log || !logAfterBits) return []
  const nearest = Math.min(Math.max(bits.voted, votersOf(log.books)), votersOf(logAfterBits.books))
  return [{ what: 'bits of voters', log: nearest, redis: bits.voted }]
}

const votersOf = ({ counted, rejected }: Books): number => counted + rejected

const minuteFigures = (event: EventNumber, { windows, log, rows }: MinutesReading): Figure[] => {
  const none: Windows = new Map()
  const told = rows.get(event)
  const source = told ? 'clickhouse' : 'log'
  const expected = told ?? log.get(event) ?? none
  const kept = windows.get(event) ?? none
  return eachWindow(expected, kept).map(({ startMs, contestant }) => ({
    what: 'votes of a window',
    contestant,
    window: { startMs, lengthMs: MINUTE_MS },
    [source]: votesIn(expected, startMs, contestant),
    windows: votesIn(kept, startMs, contestant),
  }))
}

const contestantsOf = (...totals: (ReadonlyMap<ContestantIndex, number> | undefined)[]): ContestantIndex[] =>
  [...new Set(totals.flatMap((votes) => [...(votes?.keys() ?? [])]))].sort((a, b) => a - b)

const eachWindow = (
  ...sources: readonly Windows[]
): { readonly startMs: number; readonly contestant: ContestantIndex }[] =>
  [...new Set(sources.flatMap((windows) => [...windows.keys()]))]
    .sort((a, b) => a - b)
    .flatMap((startMs) =>
      contestantsOf(...sources.map((windows) => windows.get(startMs))).map((contestant) => ({
        startMs,
        contestant,
      })),
    )

const votesIn = (windows: Windows, startMs: number, contestant: ContestantIndex): number =>
  windows.get(startMs)?.get(contestant) ?? 0

const differ = ({ log, redis, clickhouse, windows }: Figures): boolean =>
  new Set([log, redis, clickhouse, windows].filter((value) => value !== undefined)).size > 1
