import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import { DEAD_STREAM } from '@votestream/schema/subjects'
import { Gauge, type Registry } from 'prom-client'

interface StoreFiguresOptions {
  readonly registry: Registry
  readonly nats: Nats
  readonly redis: Redis
  /** Where this machine keeps its data; undefined: nowhere that is known here. */
  readonly dataDir: string | undefined
  readonly logger: Logger
  readonly everyMs?: number
}

/** The folder of everything, and those of the servers in it: each may be a disk of its own. */
export const DISKS = ['data', 'nats', 'redis', 'clickhouse'] as const
const EVERY_MS = 5_000

/** How much the stores hold, and how much they may. @returns how to stop looking. */
export const watchStoreFigures = (options: StoreFiguresOptions): (() => void) => {
  const { nats, redis, dataDir, logger, everyMs = EVERY_MS } = options
  const gauges = createGauges(options.registry)
  const ended = new AbortController()
  const lookAt = {
    async redis() {
      const memory = await redis.info('memory')
      const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0)
      gauges.redisMemory.set(read('used_memory'))
      gauges.redisMemoryMax.set(read('maxmemory'))
    },
    async jetStream() {
      const { storage, limits } = await nats.jsm.getAccountInfo()
      gauges.storage.set(storage)
      gauges.storageMax.set(Math.max(0, limits.max_storage))
    },
    async deadLetters() {
      const { state } = await nats.jsm.streams.info(DEAD_STREAM)
      gauges.deadLetters.set(state.messages)
    },
    async disks() {
      for (const of of dataDir === undefined ? [] : DISKS) {
        const folder = of === 'data' ? String(dataDir) : join(String(dataDir), of)
        if (!existsSync(folder)) continue
        const { bsize, bavail, blocks } = await statfs(folder)
        gauges.diskFree.set({ of }, bavail * bsize)
        gauges.diskSize.set({ of }, blocks * bsize)
      }
    },
  }
  const follow = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const looks = Object.entries(lookAt).map(([what, look]) =>
        look().catch((error: unknown) => logger.debug({ err: error, what }, 'not told how much there is')),
      )
      await Promise.all(looks)
      await pause(everyMs, undefined, { signal: ended.signal, ref: false }).catch(() => undefined)
    }
  }
  void follow()
  return () => ended.abort()
}

export const createGauges = (registry: Registry) => {
  const gauge = (name: string, help: string) => new Gauge({ registers: [registry], name, help })
  const ofDisk = (name: string, help: string) =>
    new Gauge({ registers: [registry], name, help, labelNames: ['of'] })
  return {
    redisMemory: gauge('votestream_redis_memory_bytes', 'What Redis holds in memory'),
    redisMemoryMax: gauge(
      'votestream_redis_memory_max_bytes',
      'What Redis may hold in memory; 0: it has no limit',
    ),
    storage: gauge(
      'votestream_jetstream_storage_bytes',
      'What the streams and buckets of NATS take on its disks',
    ),
    storageMax: gauge(
      'votestream_jetstream_storage_max_bytes',
      'What they may take by the limits of the account; 0: it has none, and the disk is the limit',
    ),
    deadLetters: gauge(
      'votestream_dead_letters',
      'Messages of the log that were put aside, and not dealt with yet',
    ),
    diskFree: ofDisk(
      'votestream_disk_free_bytes',
      'Free on the disk that holds the data of a store, on this machine',
    ),
    diskSize: ofDisk(
      'votestream_disk_size_bytes',
      'Size of the disk that holds the data of a store, on this machine',
    ),
  }
}
