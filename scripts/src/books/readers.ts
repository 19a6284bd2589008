import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { type LogPosition, readLog } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import type { ContestantIndex, EventNumber, Shard } from '@votestream/schema/numbers'
import { checkpointKey, eventsKey, tallyKey } from '@votestream/schema/redis-keys'
import { type Books, createReplay, emptyBooks } from '@votestream/schema/replay'
import { logMessage } from '@votestream/schema/votes'
import type { BooksByEvent, TotalsByEvent } from './comparison.js'

/** Each source's books of one shard. None of it shares code with what wrote them. */

const MESSAGES_MAX = 64

export interface LogBooks {
  readonly books: BooksByEvent
  readonly entries: ReadonlyMap<EventNumber, number>
}

/** Replays a shard's log up to a message that is in it. */
export const readLogBooks = async (
  nats: Nats,
  shard: Shard,
  { firstSequence }: LogPosition,
  upTo: number,
): Promise<LogBooks> => {
  const replay = createReplay()
  const ended = new AbortController()
  const options = { nats, shard, fromSequence: firstSequence, batchMax: MESSAGES_MAX, signal: ended.signal }
  let reached = firstSequence - 1
  if (reached < upTo) {
    reading: for await (const entries of readLog(options)) {
      for (const { sequence, data } of entries) {
        if (sequence <= upTo) replay.apply(logMessage.decode(data))
        reached = sequence
        if (reached >= upTo) break reading
      }
    }
  }
  ended.abort()
  const entries = new Map([...replay.books].map(([event, book]) => [event, book.entries]))
  return { books: replay.books, entries }
}

export interface RedisBooks {
  /** Undefined: Redis holds nothing of this shard, or it is being cleared. */
  readonly generation: string | undefined
  readonly sequence: number
  readonly books: BooksByEvent
}

const TRIES = 20

/** A shard's tallies and its checkpoint, as of one moment. */
export const readRedisBooks = async (redis: Redis, shard: Shard): Promise<RedisBooks> => {
  let events: string[] = []
  for (let tries = 0; tries < TRIES; tries += 1) {
    const reading = redis.multi().hgetall(checkpointKey(shard)).smembers(eventsKey(shard))
    for (const event of events) reading.hgetall(tallyKey(shard, Number(event) as EventNumber))
    const answers = (await reading.exec()) ?? []
    const values = answers.map(([error, value]) => {
      if (error) throw error
      return value
    })
    // The shapes of HGETALL, SMEMBERS and HGETALL again.
    const [checkpoint, found, ...tallies] = values as [
      Record<string, string>,
      string[],
      ...Record<string, string>[],
    ]
    if (new Set([...events, ...found]).size === events.length && found.length === events.length) {
      const books = events.map((event, index) => [Number(event) as EventNumber, tallyBooks(tallies[index])])
      return {
        generation: checkpoint.generation,
        sequence: Number(checkpoint.sequence ?? 0),
        books: new Map(books as [EventNumber, Books][]),
      }
    }
    // An event came or went in between: the tallies read are not all of them.
    events = found
  }
  throw new Error(`shard ${shard}: events keep coming; Redis could not be read at one moment`)
}

const tallyBooks = (tally: Record<string, string> = {}): Books => {
  const books = emptyBooks()
  books.entries = Number(tally.entries ?? 0)
  books.rejected = Number(tally.rejected ?? 0)
  books.superseded = Number(tally.superseded ?? 0)
  for (const [field, votes] of Object.entries(tally)) {
    if (!/^\d+$/.test(field)) continue
    books.totals.set(Number(field) as ContestantIndex, Number(votes))
    books.counted += Number(votes)
  }
  return books
}

/** How far into a stream the archive is; 0 when it has nothing of it. */
export const readArchivedSequence = async (
  clickhouse: ClickHouseClient,
  shard: Shard,
  generation: string,
): Promise<number> => {
  const [row] = await rowsOf<{ archived_sequence: number }>(
    clickhouse,
    `SELECT archived_sequence FROM archive_positions
     WHERE shard = {shard:UInt8} AND generation = {generation:String}`,
    { shard, generation },
  )
  return row?.archived_sequence ?? 0
}

export interface ClickhouseBooks {
  readonly books: BooksByEvent
  /** Entries from `firstSequence` on. */
  readonly entries: ReadonlyMap<EventNumber, number>
}

/**
 * What the analysts' view says, cut at a message of the log: what became of an entry follows from those before
 * it alone, so later ones need only be left out.
 */
export const readClickhouseBooks = async (
  clickhouse: ClickHouseClient,
  shard: Shard,
  { generation, firstSequence }: LogPosition,
  upTo: number,
): Promise<ClickhouseBooks> => {
  const books = new Map<EventNumber, Books>()
  const entries = new Map<EventNumber, number>()
  const rows = await rowsOf<OutcomeRow>(clickhouse, OUTCOMES_QUERY, {
    shard,
    generation,
    firstSequence,
    upTo,
  })
  for (const { event, contestant, outcome, votes, in_log } of rows) {
    const book = books.get(event) ?? emptyBooks()
    books.set(event, book)
    book.entries += votes
    book[outcome] += votes
    if (outcome === 'counted') book.totals.set(contestant, votes)
    entries.set(event, (entries.get(event) ?? 0) + in_log)
  }
  return { books, entries }
}

interface OutcomeRow {
  readonly event: EventNumber
  readonly contestant: ContestantIndex
  readonly outcome: 'counted' | 'rejected' | 'superseded'
  readonly votes: number
  readonly in_log: number
}

const OUTCOMES_QUERY = `
SELECT event, contestant, outcome, count() AS votes, countIf(sequence >= {firstSequence:UInt64}) AS in_log
FROM vote_outcomes
WHERE shard = {shard:UInt8} AND generation = {generation:String} AND sequence <= {upTo:UInt64}
GROUP BY event, contestant, outcome`

/** What the windows add up to, if they are as of this very message: they cannot be read as of an earlier one. */
export const readWindowTotals = async (
  clickhouse: ClickHouseClient,
  shard: Shard,
  generation: string,
  upTo: number,
): Promise<TotalsByEvent | undefined> => {
  const rows = await rowsOf<WindowRow>(clickhouse, WINDOWS_QUERY, { shard, generation })
  const archived = rows.find(({ event }) => event === 0)?.newest ?? 0
  if (archived !== upTo) return undefined
  const totals = new Map<EventNumber, Map<ContestantIndex, number>>()
  for (const { event, contestant, total } of rows) {
    if (event === 0) continue
    const ofEvent = totals.get(event) ?? new Map<ContestantIndex, number>()
    totals.set(event, ofEvent.set(contestant, total))
  }
  return totals
}

interface WindowRow {
  readonly event: EventNumber
  readonly contestant: ContestantIndex
  readonly total: number
  readonly newest: number
}

const WINDOWS_QUERY = `
SELECT event, contestant, sum(latest) AS total, max(newest_of_window) AS newest
FROM (
  SELECT event, contestant, argMax(window_tallies.votes, sequence) AS latest, max(sequence) AS newest_of_window
  FROM window_tallies
  WHERE shard = {shard:UInt8} AND generation = {generation:String}
  GROUP BY event, minute, contestant
)
GROUP BY event, contestant`

const rowsOf = async <Row>(
  clickhouse: ClickHouseClient,
  query: string,
  values: Record<string, unknown>,
): Promise<Row[]> => {
  const result = await clickhouse.query({
    query,
    query_params: values,
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  })
  return result.json<Row>()
}
