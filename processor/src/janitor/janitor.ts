import { setTimeout as pause } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { firstSequenceSince } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import type { Shard } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { openArchiveTables } from '../archive/archive-tables.js'
import { createView } from '../tally/view.js'
import type { JanitorMetrics } from './janitor-metrics.js'
import { decidePurge, type LogSituation, PURGE_AGE_MIN_MS, type Retention } from './purge-decision.js'

export interface JanitorOptions {
  readonly nats: Nats
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  /** The oldest message of a log that has a dead letter. */
  readonly oldestDead: (shard: Shard, generation: string) => Promise<number | undefined>
  readonly shard: Shard
  readonly shards: number
  readonly retention: Retention
  readonly metrics: JanitorMetrics
  readonly logger: Logger
  /** Milliseconds since 1970, by the broker's clock or nearly. */
  readonly now: () => number
  readonly signal: AbortSignal
  readonly everyMs?: number
}

const LOOK_EVERY_MS = 5_000

/**
 * Keeps one shard's log as long as it is configured, until the signal. It alone purges; the decision is made anew at
 * each look, so dying anywhere, or two of it at once, costs nothing. A sink that is away keeps everything.
 */
export const runJanitor = async (options: JanitorOptions): Promise<void> => {
  const { shard, logger, signal, everyMs = LOOK_EVERY_MS } = options
  while (!signal.aborted) {
    await look(options).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ err: error, shard }, 'nothing is purged: not everything is known')
    })
    await pause(everyMs, undefined, { signal }).catch(() => undefined)
  }
}

const look = async (options: JanitorOptions): Promise<void> => {
  const { nats, shard, retention, metrics, logger } = options
  const { created, config, state } = await nats.jsm.streams.info(voteStream(shard))
  const { first_seq: firstSequence, last_seq: lastSequence, messages, bytes } = state
  metrics.seen(shard, { firstSequence, bytes, bytesMax: config.max_bytes })
  if (retention.ageMaxMs === undefined && retention.bytesMax === undefined) return
  const position = { generation: String(created), firstSequence, lastSequence }
  const situation: LogSituation = { position, messages, bytes, ...(await limits(options, position)) }
  const first = decidePurge(situation, retention)
  if (first <= firstSequence) return
  // Up to, and without, this sequence.
  const { purged } = await nats.jsm.streams.purge(voteStream(shard), { seq: first })
  metrics.purged(shard, purged)
  logger.info({ shard, firstSequence: first, purged }, 'the log was purged')
}

const limits = async (
  options: JanitorOptions,
  position: LogSituation['position'],
): Promise<Omit<LogSituation, 'position' | 'messages' | 'bytes'>> => {
  const { nats, redis, clickhouse, oldestDead, shard, shards, retention, now, signal } = options
  const { generation } = position
  const archive = openArchiveTables({ clickhouse, shards, shard, generation, signal })
  const since = (ageMs: number) => firstSequenceSince(nats, shard, position, now() - ageMs)
  return {
    redis: await createView(redis, shard).checkpoint(),
    clickhouse: { generation, sequence: await archive.checkpoint(), wholeAt: 0 },
    // Asked after the sinks: what is dead before their checkpoints has its letter by then.
    oldestDead: await oldestDead(shard, generation),
    firstWithinAge: retention.ageMaxMs === undefined ? undefined : await since(retention.ageMaxMs),
    firstYoung: await since(PURGE_AGE_MIN_MS),
  }
}
