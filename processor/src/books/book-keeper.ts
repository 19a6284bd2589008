import { setTimeout as pause } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { Logger } from '@votestream/infra/logging'
import type { Redis } from '@votestream/infra/redis'
import { NO_EVENT } from '@votestream/schema/log-entries'
import { allShards, type EventNumber, type Shard } from '@votestream/schema/numbers'
import { eventsKey } from '@votestream/schema/redis-keys'
import { type Checkpoints, readClickhouseCheckpoints } from '../lag/checkpoints.js'
import type { BooksMetrics } from './books-metrics.js'
import {
  differenceOf,
  type EventBooks,
  type RedisReading,
  readClickhouseRows,
  readRedisBooks,
} from './event-books.js'
import { createRecentEvents, type RecentEvents } from './recent-events.js'

interface BookKeeperOptions {
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  readonly shards: number
  /** Of several processors one keeps the books. */
  readonly isMine: () => boolean
  readonly nameOf: (event: EventNumber) => string
  readonly metrics: BooksMetrics
  readonly logger: Logger
  readonly everyMs?: number
}

export interface BookKeeper extends Pick<RecentEvents, 'touch'> {
  stop(): Promise<void>
}

/** So many events have figures of their own. */
export const EVENTS_TOLD = 10
const EVERY_MS = 12_000
/** Rows of large events are counted less often: so many of them a second on average. */
const ROWS_PER_SECOND = 100_000
/** Where nothing has changed it is looked again after this. */
const UNCHANGED_MS = 600_000

interface Compared {
  readonly entries: number
  readonly agreed: boolean
  readonly atMs: number
}

/**
 * Holds what Redis counted of an event against ClickHouse's rows, now and then. Redis is read first, and ClickHouse in the
 * round after it, as of the very messages that Redis spoke of: so both tell of the same moment though votes keep coming.
 */
export const keepBooks = (options: BookKeeperOptions): BookKeeper => {
  const { redis, clickhouse, isMine, nameOf, metrics, logger, everyMs = EVERY_MS } = options
  const shards = allShards(options.shards)
  const recent = createRecentEvents(EVENTS_TOLD)
  const compared = new Map<EventNumber, Compared>()
  const ended = new AbortController()
  let before: RedisReading | undefined
  let begun = false

  const compare = async (reading: RedisReading): Promise<void> => {
    const due = [...reading.books].filter(([event, books]) => isDue(compared.get(event), books))
    if (due.length === 0 || !isArchived(reading, await readClickhouseCheckpoints(clickhouse))) return
    const events = due.map(([event]) => event)
    const rows = await readClickhouseRows(clickhouse, reading.checkpoints, events)
    for (const [event, books] of due) {
      const found = rows.get(event) ?? { entries: 0, dead: 0 }
      const difference = differenceOf(books, found)
      metrics.compared(nameOf(event), found, difference)
      if (difference > 0) logger.error({ event, books, found }, 'the books differ')
      compared.set(event, { entries: books.entries, agreed: difference === 0, atMs: performance.now() })
    }
  }

  const look = async (): Promise<void> => {
    if (!isMine()) {
      before = undefined
      compared.clear()
      metrics.keep([])
      return
    }
    if (!begun) recent.touch(await newestEvents(redis, shards))
    begun = true
    const events = recent.list()
    metrics.keep(events.map(nameOf))
    for (const event of compared.keys()) if (!events.includes(event)) compared.delete(event)
    const last = before
    before = await readRedisBooks(redis, shards, events)
    for (const [event, books] of before?.books ?? []) metrics.counted(nameOf(event), books)
    if (last)
      await compare({ ...last, books: new Map([...last.books].filter(([event]) => events.includes(event))) })
  }

  const follow = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await look().catch((error: unknown) => logger.debug({ err: error }, 'the books cannot be compared'))
      await pause(everyMs, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  }
  const following = follow()

  return {
    touch: (events) => recent.touch([...events].filter((event) => event !== NO_EVENT)),
    async stop() {
      ended.abort()
      await following
    },
  }
}

const isDue = (before: Compared | undefined, { entries }: EventBooks): boolean => {
  if (!before) return true
  const sinceMs = performance.now() - before.atMs
  if (before.agreed && before.entries === entries) return sinceMs >= UNCHANGED_MS
  return sinceMs >= (entries / ROWS_PER_SECOND) * 1_000
}

const isArchived = ({ checkpoints }: RedisReading, archived: Checkpoints): boolean =>
  [...checkpoints].every(([shard, { generation, sequence }]) => {
    const found = archived.get(shard)
    return sequence === 0 || (found?.generation === generation && found.sequence >= sequence)
  })

/** Events that were made last: their numbers grow. */
const newestEvents = async (redis: Redis, shards: readonly Shard[]): Promise<EventNumber[]> => {
  const members = await Promise.all(shards.map((shard) => redis.smembers(eventsKey(shard))))
  const events = [...new Set(members.flat().map(Number))].filter((event) => event !== NO_EVENT)
  return events.sort((a, b) => a - b).slice(-EVENTS_TOLD) as EventNumber[]
}
