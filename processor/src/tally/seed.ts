import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { LogPosition } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Redis } from '@votestream/infra/redis'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { type ArchivedOutcomes, createArchivedOutcomes } from './archived-outcomes.js'
import { createEventSeeding } from './seed-event.js'
import { createViewFiller, type ViewFiller } from './seed-view.js'
import type { Fill } from './view.js'

interface SeedOptions {
  readonly archive: ArchivedOutcomes
  readonly filler: ViewFiller
  readonly shards: number
  /** Where the log begins: what stands before it is to be had from ClickHouse alone. */
  readonly firstSequence: number
  readonly nowMs: number
  /** One event alone. */
  readonly only?: EventNumber
}

/** ClickHouse does not reach back to the log's beginning either: votes between the two are known to nobody. */
export class ArchiveGapError extends Error {
  override readonly name = 'ArchiveGapError'
}

/**
 * Fills an emptied view with what ClickHouse holds of a log. One event is in memory at a time, with a bit or two for
 * each voter. Dying anywhere: the view stays marked as being cleared, and whoever comes next clears it again.
 * @returns the sequence as of which the view is filled: the log is applied from the next one on.
 */
export const seedView = async (options: SeedOptions): Promise<number> => {
  const { archive, filler, shards, firstSequence, nowMs, only } = options
  const upTo = await reachingBack(archive, firstSequence)
  for (const event of await archive.events(upTo)) {
    if (only !== undefined && event.event !== only) continue
    const seeding = createEventSeeding(shards, nowMs)
    await archive.voters(event, upTo, seeding.add)
    if (!(await filler.fill(seeding.done(event)))) throw new SeedingError()
  }
  return upTo
}

const reachingBack = async (archive: ArchivedOutcomes, firstSequence: number): Promise<number> => {
  const upTo = await archive.checkpoint()
  if (upTo + 1 >= firstSequence) return upTo
  throw new ArchiveGapError(`the log begins at ${firstSequence}, and ClickHouse ends at ${upTo}`)
}

export interface SeedingOptions {
  readonly redis: Redis
  readonly clickhouse?: ClickHouseClient
  readonly shard: Shard
  readonly shards: number
  readonly logger: Logger
  readonly signal: AbortSignal
  /** For a view of one event beside the live one. */
  readonly shadow?: { readonly only: EventNumber; readonly place: (key: string) => string }
}

/**
 * How the view of a log that was purged is filled once it is emptied.
 * @throws Error while ClickHouse is away, or does not hold what is missing: then nothing was emptied yet.
 */
export const seeding = async (
  { redis, clickhouse, shard, shards, logger, signal, shadow }: SeedingOptions,
  { generation, firstSequence }: LogPosition,
): Promise<Fill> => {
  if (!clickhouse) throw new ArchiveGapError(`the log of shard ${shard} begins at ${firstSequence}`)
  const archive = createArchivedOutcomes({ clickhouse, shard, generation, signal })
  const missing = await archive.missingRows(await reachingBack(archive, firstSequence))
  if (missing > 0) throw new ArchiveGapError(`ClickHouse lost ${missing} rows that were written`)
  return async (token) => {
    const filler = createViewFiller({ redis, shard, token, ...(shadow && { place: shadow.place }) })
    const nowMs = await redisTimeMs(redis)
    const options = { archive, filler, shards, firstSequence, nowMs }
    const sequence = await seedView(shadow ? { ...options, only: shadow.only } : options)
    logger.info({ shard, sequence }, 'the view in Redis was filled from ClickHouse')
    return { generation, sequence, steps: filler.steps }
  }
}

/** Which windows are still kept is for Redis's clock to say. */
const redisTimeMs = async (redis: Redis): Promise<number> => Number((await redis.time())[0]) * 1000

/** Somebody else makes the view anew, or Redis was restored meanwhile. */
class SeedingError extends Error {
  override readonly name = 'SeedingError'
  constructor() {
    super('the view is not as this seeding left it')
  }
}
