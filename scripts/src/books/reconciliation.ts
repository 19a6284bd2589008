import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import { allShards, type EventNumber, type Shard } from '@votestream/schema/numbers'
import { SHARDS_METADATA, voteStream } from '@votestream/schema/subjects'
import { compareBooks, type EventComparison } from './comparison.js'
import { type LettersComparison, lettersAgree } from './letters.js'
import type { Progress } from './progress.js'
import { GROUP_LIMITS, type GroupLimits } from './redis-plan.js'
import { readShard, type ShardSources } from './shard-reading.js'
import { NotComparableError } from './waiting.js'

export interface ReconcileOptions {
  readonly nats: Nats
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  /** For Redis and ClickHouse to reach the end that the log had at the start, and to be read in one piece. */
  readonly waitMs: number
  /** Only these; all without it. */
  readonly events?: ReadonlySet<EventNumber>
  readonly onProgress?: (progress: Progress) => void
  /** How much of Redis is read at one moment. */
  readonly limits?: GroupLimits
}

export interface ShardSummary {
  readonly shard: Shard
  readonly generation: string
  /** Where the log begins: above 1, it was purged. */
  readonly firstSequence: number
  /** Redis was read at these messages, and the others cut there. */
  readonly redis: { readonly fromSequence: number; readonly toSequence: number }
  /** The minutes of ClickHouse were compared at this message. */
  readonly minutesSequence: number
  readonly letters: LettersComparison | undefined
  readonly earlierStreams: readonly {
    readonly generation: string
    readonly entries: number
    readonly events: readonly EventNumber[]
  }[]
}

export interface Reconciliation {
  readonly events: readonly EventComparison[]
  readonly shards: readonly ShardSummary[]
}

export const agrees = ({ events, shards }: Reconciliation): boolean =>
  events.every(({ differences }) => differences.length === 0) &&
  shards.every(({ letters }) => letters === undefined || lettersAgree(letters))

/**
 * Lays Redis, ClickHouse and a fresh replay of the log side by side, shard after shard, also while votes arrive:
 * Redis is read in groups of events, each at one message of the log; the replay and the rows of ClickHouse are
 * cut at just that message; the minutes of ClickHouse are compared at the message that they are at.
 *
 * At a time it holds one shard's voters (the replay's), and for each of its events the tallies of the three and
 * the windows; nothing grows with the votes of another shard.
 * @throws NotComparableError when a sink does not get to where the log ended at the start.
 */
export const reconcile = async (options: ReconcileOptions): Promise<Reconciliation> => {
  const { waitMs, events, onProgress = () => {}, limits = GROUP_LIMITS } = options
  const shards = await recordedShards(options.nats)
  const sources: ShardSources = {
    ...options,
    shards,
    giveUpAtMs: performance.now() + waitMs,
    wants: (event) => events?.has(event) ?? true,
    readsAll: events === undefined,
    limits,
    onProgress,
  }
  const read: Awaited<ReturnType<typeof readShard>>[] = []
  for (const shard of allShards(shards)) read.push(await readShard(sources, shard))
  return {
    events: compareBooks(
      read.map(({ reading }) => reading),
      events,
    ),
    shards: read.map(({ summary }) => summary),
  }
}

/** The number of shards that the log was made for. */
export const recordedShards = async (nats: Nats): Promise<number> => {
  const { config } = await nats.jsm.streams.info(voteStream(0 as Shard))
  const shards = Number(config.metadata?.[SHARDS_METADATA])
  if (!Number.isInteger(shards)) throw new NotComparableError('the log does not say how many shards it has')
  return shards
}
