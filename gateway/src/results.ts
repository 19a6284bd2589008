import type { Redis } from '@votestream/infra/redis'
import { VotestreamError } from '@votestream/schema/errors'
import {
  allShards,
  type EventNumber,
  type Shard,
  shardOf,
  type VoterNumber,
} from '@votestream/schema/numbers'
import { checkpointKey, rejectedKey, tallyKey, votedKey } from '@votestream/schema/redis-keys'
import { parseTally, type Tally } from '@votestream/schema/tally'
import { bitPosition } from '@votestream/schema/voted-set'
import type { ChainableCommander } from 'ioredis'

/** An event's board: the sum of its shards' parts. */
export interface Board {
  /** The sum of the parts' log sequences: it grows with every change. */
  readonly version: number
  /** Votes that count, by contestant index. */
  readonly totals: readonly number[]
  /** Of the last vote on the board, milliseconds since 1970; 0: none. */
  readonly ackedAtMs: number
}

export type VoteStatus = 'acked' | 'processed' | 'rejected'

/** What Redis knows of events and votes. */
export interface Results {
  /** @throws VotestreamError RESULTS_UNAVAILABLE while a shard's part is missing or being made anew. */
  board(event: EventNumber, contestants: number): Promise<Board>
  /**
   * Of a vote that was acknowledged: an identifier that names it cannot be had before.
   * @throws VotestreamError RESULTS_UNAVAILABLE
   */
  voteStatus(event: EventNumber, voter: VoterNumber): Promise<VoteStatus>
}

interface ResultsOptions {
  readonly redis: Redis
  readonly shards: number
}

export const createResults = ({ redis, shards }: ResultsOptions): Results => {
  // Readers of the same event at the same moment share one reading.
  const reading = new Map<EventNumber, Promise<Tally[]>>()

  /** Checkpoint and tally are read as of one moment. */
  const readTally = async (shard: Shard, event: EventNumber): Promise<Tally> => {
    const [checkpoint, fields] = await transaction(
      redis.multi().hmget(checkpointKey(shard), 'sequence', 'whole_at').hgetall(tallyKey(shard, event)),
    )
    requireWhole(checkpoint)
    return parseTally(Object.entries(fields as Record<string, string>).flat())
  }

  return {
    async board(event, contestants) {
      const shared =
        reading.get(event) ??
        Promise.all(allShards(shards).map((shard) => readTally(shard, event))).finally(() =>
          reading.delete(event),
        )
      reading.set(event, shared)
      const parts = await shared
      return {
        version: parts.reduce((sum, { sequence }) => sum + sequence, 0),
        totals: Array.from({ length: contestants }, (_, index) =>
          parts.reduce((sum, { totals }) => sum + (totals[index] ?? 0), 0),
        ),
        ackedAtMs: Math.max(...parts.map(({ ackedAtMs }) => ackedAtMs)),
      }
    },
    async voteStatus(event, voter) {
      const shard: Shard = shardOf(voter, shards)
      const { chunk, offset } = bitPosition(voter, shards)
      const [checkpoint, rejected, voted] = await transaction(
        redis
          .multi()
          .hmget(checkpointKey(shard), 'sequence', 'whole_at')
          .getbit(rejectedKey(shard, event, chunk), offset)
          .getbit(votedKey(shard, event, chunk), offset),
      )
      requireWhole(checkpoint)
      if (rejected === 1) return 'rejected'
      return voted === 1 ? 'processed' : 'acked'
    },
  }
}

/** The replies of a transaction's commands. */
const transaction = async (commands: ChainableCommander): Promise<unknown[]> => {
  try {
    const replies = (await commands.exec()) ?? []
    for (const [error] of replies) if (error) throw error
    return replies.map(([, reply]) => reply)
  } catch (error) {
    throw unavailable(error)
  }
}

/** @throws VotestreamError for a view that is missing or being made anew: it would show too little. */
const requireWhole = (checkpoint: unknown): void => {
  // The reply of HMGET for `sequence` and `whole_at`.
  const [sequence, wholeAt] = checkpoint as (string | null)[]
  if (sequence == null || Number(sequence) < Number(wholeAt ?? 0)) throw unavailable()
}

const unavailable = (cause?: unknown): VotestreamError =>
  new VotestreamError('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1, cause })
