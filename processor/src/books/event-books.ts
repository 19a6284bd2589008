import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { Redis } from '@votestream/infra/redis'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { checkpointKey, tallyKey } from '@votestream/schema/redis-keys'
import { parseTally } from '@votestream/schema/tally'
import type { SinkCheckpoint } from '../lag/consumer-lag.js'

export const BOOK_STATES = ['entries', 'counted', 'rejected', 'superseded', 'dead'] as const
export type BookState = (typeof BOOK_STATES)[number]
/** An event's books over all shards. */
export type EventBooks = Readonly<Record<BookState, number>>

/** What Redis says of events, and of which message of each shard's log. */
export interface RedisReading {
  readonly checkpoints: ReadonlyMap<Shard, SinkCheckpoint>
  readonly books: ReadonlyMap<EventNumber, EventBooks>
}

/**
 * Each shard at one moment, with its checkpoint of that moment.
 * @returns undefined while a shard is missing, or is being made anew.
 */
export const readRedisBooks = async (
  redis: Redis,
  shards: readonly Shard[],
  events: readonly EventNumber[],
): Promise<RedisReading | undefined> => {
  const checkpoints = new Map<Shard, SinkCheckpoint>()
  const books = new Map<EventNumber, Record<BookState, number>>()
  for (const shard of shards) {
    const reading = redis.multi().hmget(checkpointKey(shard), 'generation', 'sequence', 'whole_at')
    for (const event of events) reading.hgetall(tallyKey(shard, event))
    const replies = (await reading.exec()) ?? []
    for (const [error] of replies) if (error) throw error
    const [position, ...tallies] = replies.map(([, value]) => value)
    // The shapes of HMGET and HGETALL.
    const [generation, sequence, wholeAt] = (position ?? []) as (string | null)[]
    if (!generation || Number(sequence ?? 0) < Number(wholeAt ?? 0)) return undefined
    checkpoints.set(shard, { generation, sequence: Number(sequence ?? 0) })
    for (const [index, event] of events.entries()) {
      const tally = parseTally(Object.entries((tallies[index] ?? {}) as Record<string, string>).flat())
      const sum = books.get(event) ?? { entries: 0, counted: 0, rejected: 0, superseded: 0, dead: 0 }
      books.set(event, sum)
      for (const state of ['entries', 'rejected', 'superseded', 'dead'] as const) sum[state] += tally[state]
      sum.counted += tally.totals.reduce((total, votes) => total + votes, 0)
    }
  }
  return { checkpoints, books }
}

/** How many rows there are of an event. */
export type EventRows = Pick<EventBooks, 'entries' | 'dead'>

interface Row extends EventRows {
  readonly event: EventNumber
}

/** A query that takes longer is given up: the books are looked at again later. */
const SECONDS_MAX = 5

/**
 * How many rows ClickHouse holds of events, up to a message of each shard's log. It reads through the rows of these events:
 * about 10 million a second on one core.
 */
export const readClickhouseRows = async (
  clickhouse: ClickHouseClient,
  checkpoints: ReadonlyMap<Shard, SinkCheckpoint>,
  events: readonly EventNumber[],
): Promise<ReadonlyMap<EventNumber, EventRows>> => {
  const places = [...checkpoints].map(
    ([shard, { sequence }], index) =>
      `(shard = ${shard} AND generation = {generation${index}:String} AND sequence <= ${sequence})`,
  )
  const generations = [...checkpoints.values()].map(({ generation }, index) => [
    `generation${index}`,
    generation,
  ])
  const where = `event IN {events:Array(UInt32)} AND (${places.join(' OR ')})`
  const result = await clickhouse.query({
    query: `
SELECT event, sum(rows) AS entries, sum(dead_rows) AS dead FROM (
  SELECT event, count() AS rows, 0 AS dead_rows FROM votes_log FINAL WHERE kind = 'vote' AND ${where} GROUP BY event
  UNION ALL
  SELECT event, count() AS rows, count() AS dead_rows FROM dead_entries FINAL WHERE ${where} GROUP BY event
) GROUP BY event
SETTINGS do_not_merge_across_partitions_select_final = 1, max_threads = 1, max_execution_time = ${SECONDS_MAX}`,
    query_params: { events, ...Object.fromEntries(generations) },
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  })
  return new Map((await result.json<Row>()).map(({ event, ...rows }) => [event, rows]))
}

/** Entries that one side has and the other has not, and those that the states do not account for. */
export const differenceOf = (
  { entries, counted, rejected, superseded, dead }: EventBooks,
  rows: EventRows,
): number =>
  Math.abs(entries - rows.entries) +
  Math.abs(dead - rows.dead) +
  Math.abs(entries - counted - rejected - superseded - dead)
