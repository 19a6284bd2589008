import { setTimeout as pause } from 'node:timers/promises'
import { type LogPosition, logPosition } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import { readLogMessage } from '@votestream/schema/log-entries'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import type { Checkpoints } from './checkpoints.js'
import { backlogOf, createVotesPerMessage, type SinkCheckpoint } from './consumer-lag.js'
import { type LagMetrics, SINKS, type Sink } from './lag-metrics.js'

interface LagWatchOptions {
  readonly nats: Nats
  readonly shards: number
  /** Asks the sinks how far they are. */
  readonly read: Readonly<Record<Sink, () => Promise<Checkpoints>>>
  readonly metrics: LagMetrics
  readonly logger: Logger
  /** The broker's clock. */
  readonly now: () => number
  readonly everyMs?: number
}

export interface LagWatch {
  /** ClickHouse is as far as this, as whoever writes to it here has just learned. */
  reached(shard: Shard, checkpoint: SinkCheckpoint): void
  stop(): Promise<void>
}

const EVERY_MS = 1_000
/** ClickHouse is not asked more often than this, and not about a shard that was written to from here so lately. */
const ASK_CLICKHOUSE_MS = 2_000
const WRITTEN_FROM_HERE_MS = 5_000

interface Oldest {
  readonly sequence: number
  readonly generation: string
  readonly storedAtMs: number
  readonly votes: number
}

/**
 * Looks once a second how far each sink is behind the log of each shard, whoever has its lease: a processor that died must
 * not take its lag along. A sink that does not answer is as far as it was.
 */
export const watchLag = (options: LagWatchOptions): LagWatch => {
  const { nats, shards, read, metrics, logger, now, everyMs = EVERY_MS } = options
  const all = allShards(shards)
  const known: Record<Sink, Map<Shard, SinkCheckpoint>> = { redis: new Map(), clickhouse: new Map() }
  const oldest = new Map<string, Oldest>()
  const averages = new Map(all.map((shard) => [shard, createVotesPerMessage()]))
  /** Nothing is said of a sink that never answered. */
  const heard = new Set<Sink>()
  const ended = new AbortController()
  const writtenMs = new Map<Shard, number>()
  let clickhouseAskedMs = Number.NEGATIVE_INFINITY

  const learn = async (sink: Sink): Promise<void> => {
    const found = await read[sink]()
    for (const [shard, checkpoint] of found) known[sink].set(shard, checkpoint)
    if (sink === 'redis') for (const shard of all) if (!found.has(shard)) known.redis.delete(shard)
    heard.add(sink)
  }

  const isUnknown = (shard: Shard, position: LogPosition): boolean =>
    backlogOf(position, known.clickhouse.get(shard)).messages > 0 &&
    performance.now() - (writtenMs.get(shard) ?? Number.NEGATIVE_INFINITY) > WRITTEN_FROM_HERE_MS

  const askSinks = async (positions: ReadonlyMap<Shard, LogPosition>): Promise<void> => {
    const clickhouseIsDue =
      performance.now() - clickhouseAskedMs >= ASK_CLICKHOUSE_MS &&
      (!heard.has('clickhouse') || [...positions].some(([shard, position]) => isUnknown(shard, position)))
    if (clickhouseIsDue) clickhouseAskedMs = performance.now()
    const asked = SINKS.filter((sink) => sink === 'redis' || clickhouseIsDue)
    const tried = asked.map((sink) =>
      learn(sink).catch((error: unknown) =>
        logger.debug({ err: error, sink }, 'a sink does not say how far it is'),
      ),
    )
    await Promise.all(tried)
  }

  /** The message that a sink is to take next; the same one is asked for once. */
  const oldestOf = async (
    sink: Sink,
    shard: Shard,
    generation: string,
    sequence: number,
  ): Promise<Oldest | undefined> => {
    const key = `${sink}.${shard}`
    const before = oldest.get(key)
    if (before?.sequence === sequence && before.generation === generation) return before
    const message = await nats.jsm.streams.getMessage(voteStream(shard), { seq: sequence })
    if (!message) return undefined
    const votes = votesIn(message.data, shard, shards)
    const found = { sequence, generation, storedAtMs: message.time.getTime(), votes }
    oldest.set(key, found)
    return found
  }

  const sample = async (sink: Sink, shard: Shard, position: LogPosition): Promise<void> => {
    if (!heard.has(sink)) return
    const { messages, oldest: sequence } = backlogOf(position, known[sink].get(shard))
    if (sequence === undefined) {
      metrics.sampled(sink, shard, { messages: 0, votes: 0, seconds: 0 })
      return
    }
    const waiting = await oldestOf(sink, shard, position.generation, sequence)
    if (!waiting) return
    const votes = averages.get(shard)?.estimate(waiting.votes, messages) ?? 0
    metrics.sampled(sink, shard, {
      messages,
      votes,
      seconds: Math.max(0, now() - waiting.storedAtMs) / 1_000,
    })
  }

  const look = async (): Promise<void> => {
    const positions = new Map<Shard, LogPosition>()
    // Before the sinks: what comes in between is not taken for what they lack.
    await Promise.all(all.map(async (shard) => positions.set(shard, await logPosition(nats, shard))))
    await askSinks(positions)
    const samples = [...positions].flatMap(([shard, position]) =>
      SINKS.map((sink) => sample(sink, shard, position)),
    )
    await Promise.all(samples)
  }

  const follow = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await look().catch((error: unknown) => logger.debug({ err: error }, 'the lag cannot be told'))
      await pause(everyMs, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  }
  const following = follow()

  return {
    reached(shard, checkpoint) {
      known.clickhouse.set(shard, checkpoint)
      writtenMs.set(shard, performance.now())
    },
    async stop() {
      ended.abort()
      await following
    },
  }
}

/** What this version cannot read counts as one. */
const votesIn = (data: Uint8Array, shard: Shard, shards: number): number => {
  try {
    return readLogMessage(data, shard, shards).votes.length
  } catch {
    return 1
  }
}
