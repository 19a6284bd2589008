import { setTimeout } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { type LogPosition, logPosition } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { SHARDS_METADATA, voteStream } from '@votestream/schema/subjects'
import { compareBooks, type EventComparison, type ShardBooks } from './comparison.js'
import {
  type RedisBooks,
  readArchivedSequence,
  readClickhouseBooks,
  readLogBooks,
  readRedisBooks,
  readWindowTotals,
} from './readers.js'

/** The books cannot be laid side by side: a sink has not got as far as the log, or is of another log. */
export class NotComparableError extends Error {
  override readonly name = 'NotComparableError'
}

interface ReconcileOptions {
  readonly nats: Nats
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  /** For a sink to reach the end that the log had at the start. */
  readonly waitMs: number
}

export interface Reconciliation {
  readonly events: readonly EventComparison[]
  readonly shards: readonly {
    readonly shard: Shard
    readonly position: number
    readonly firstSequence: number
  }[]
}

const LOOK_EVERY_MS = 100

/** @throws NotComparableError */
export const reconcile = async (options: ReconcileOptions): Promise<Reconciliation> => {
  const { nats, waitMs } = options
  const shards = allShards(await recordedShards(nats))
  const ends = await Promise.all(shards.map((shard) => logPosition(nats, shard)))
  const giveUpAtMs = performance.now() + waitMs
  const read: { books: ShardBooks; firstSequence: number }[] = []
  for (const [index, shard] of shards.entries()) {
    const end = ends[index]
    if (end) read.push(await readShard(options, shard, end, giveUpAtMs))
  }
  return {
    events: compareBooks(read.map(({ books }) => books)),
    shards: read.map(({ books, firstSequence }) => ({
      shard: books.shard,
      position: books.position,
      firstSequence,
    })),
  }
}

/** The number of shards that the log was made for. */
const recordedShards = async (nats: Nats): Promise<number> => {
  const { config } = await nats.jsm.streams.info(voteStream(0 as Shard))
  const shards = Number(config.metadata?.[SHARDS_METADATA])
  if (!Number.isInteger(shards)) throw new NotComparableError('the log does not say how many shards it has')
  return shards
}

const readShard = async (
  { nats, redis, clickhouse }: ReconcileOptions,
  shard: Shard,
  end: LogPosition,
  giveUpAtMs: number,
): Promise<{ books: ShardBooks; firstSequence: number }> => {
  // The position is Redis's own: of the three it is the only one that cannot be read as of an earlier time.
  let stored: RedisBooks
  for (;;) {
    stored = await readRedisBooks(redis, shard)
    if (stored.generation === end.generation && stored.sequence >= end.lastSequence) break
    if (performance.now() > giveUpAtMs)
      throw notThere('Redis', shard, stored.sequence, stored.generation, end)
    await setTimeout(LOOK_EVERY_MS)
  }
  const position = stored.sequence
  for (;;) {
    const archived = await readArchivedSequence(clickhouse, shard, end.generation)
    if (archived >= position) break
    if (performance.now() > giveUpAtMs) throw notThere('ClickHouse', shard, archived, end.generation, end)
    await setTimeout(LOOK_EVERY_MS)
  }
  const windows = await readWindowTotals(clickhouse, shard, end.generation, position)
  const archive = await readClickhouseBooks(clickhouse, shard, end, position)
  const now = await logPosition(nats, shard)
  if (now.generation !== end.generation || now.lastSequence < position) {
    throw notThere('Redis', shard, position, stored.generation, now)
  }
  const log = await readLogBooks(nats, shard, end, position)
  return {
    firstSequence: end.firstSequence,
    books: {
      shard,
      position,
      log: end.firstSequence > 1 ? undefined : log.books,
      redis: stored.books,
      clickhouse: archive.books,
      windows,
      entriesInLog: log.entries,
      entriesArchived: archive.entries,
    },
  }
}

const notThere = (
  sink: string,
  shard: Shard,
  sequence: number,
  generation: string | undefined,
  end: LogPosition,
): NotComparableError => {
  const where = generation === end.generation ? `is at message ${sequence}` : 'is not of this log'
  return new NotComparableError(`shard ${shard}: ${sink} ${where}, the log ends at ${end.lastSequence}`)
}
