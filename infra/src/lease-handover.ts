import type { KV, KvEntry } from '@nats-io/kv'
import type { Shard } from '@votestream/schema/numbers'
import type { Logger } from './logging.js'

/** A holder goes on with its work for so long while its successor prepares; then it hands over all the same. */
const HANDOVER_MS = 1_000
/** What was prepared and did not come is not prepared again before this. */
const PREPARE_AGAIN_MS = 2_000

/**
 * Lets a lease change hands in order: whoever expects it prepares while its holder still works, and says so in
 * the bucket; its holder ends only then. All of it is courtesy. What is lost of it, or late, or wrong, costs the
 * successor the time of its preparation and nothing else.
 */
export interface Handover {
  /** Takes an entry of the bucket. @returns whether it was one of these. */
  notice(entry: KvEntry): boolean
  /** A lease was taken here: what was said about the one before is over. */
  taken(shard: Shard): void
  /** Prepares for leases that may come here, each once. */
  prepare(shards: readonly Shard[]): void
  /** Whether a lease that is to go may go now: a successor is ready, or was waited for long enough. */
  mayGo(shard: Shard): boolean
  /** Resolves when `mayGo` is true. */
  untilMayGo(shard: Shard): Promise<void>
}

interface HandoverOptions {
  readonly bucket: KV
  readonly role: string
  readonly instance: string
  readonly logger: Logger
  readonly prepare: (shard: Shard) => Promise<void>
  /** Somebody is ready. */
  readonly onReady: () => void
}

export const readyPattern = (role: string): string => `ready.${role}.*`

export const createHandover = (options: HandoverOptions): Handover => {
  const { bucket, role, instance, logger, prepare, onReady } = options
  const prefix = `ready.${role}.`
  const ready = new Set<Shard>()
  const goingSinceMs = new Map<Shard, number>()
  const preparedAtMs = new Map<Shard, number>()
  const waiting = new Map<Shard, () => void>()

  const leftMs = (shard: Shard): number => {
    const sinceMs = goingSinceMs.get(shard) ?? performance.now()
    goingSinceMs.set(shard, sinceMs)
    return sinceMs + HANDOVER_MS - performance.now()
  }
  const sayReady = async (shard: Shard): Promise<void> => {
    try {
      await prepare(shard)
    } catch (error) {
      // It will have to be learned when the lease is here. Waiting longer would not change that.
      logger.warn({ err: error, role, shard }, 'could not prepare for a lease')
    }
    await bucket.put(`${prefix}${shard}`, instance).catch(() => undefined)
  }

  return {
    notice(entry) {
      if (!entry.key.startsWith(prefix)) return false
      if (entry.operation === 'PUT' && entry.string() !== instance) {
        const shard = Number(entry.key.slice(prefix.length)) as Shard
        ready.add(shard)
        waiting.get(shard)?.()
        onReady()
      }
      return true
    },
    taken(shard) {
      ready.delete(shard)
      goingSinceMs.delete(shard)
    },
    prepare(shards) {
      for (const shard of shards) {
        if (performance.now() - (preparedAtMs.get(shard) ?? Number.NEGATIVE_INFINITY) < PREPARE_AGAIN_MS)
          continue
        preparedAtMs.set(shard, performance.now())
        void sayReady(shard)
      }
    },
    mayGo: (shard) => leftMs(shard) <= 0 || ready.has(shard),
    untilMayGo: (shard) =>
      new Promise((resolve) => {
        if (ready.has(shard)) return resolve()
        const timer = setTimeout(resolve, leftMs(shard))
        waiting.set(shard, () => {
          clearTimeout(timer)
          resolve()
        })
      }),
  }
}
