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
import { parseTally } from '@votestream/schema/tally'
import { bitPosition } from '@votestream/schema/voted-set'
import type { ChainableCommander } from 'ioredis'
import { type Board, type Part, sumParts } from './board.js'

export type VoteStatus = 'acked' | 'processed' | 'rejected'

/** What Redis knows of events and votes. */
export interface Results {
  /**
   * The shards' parts of each event's board, in one call per shard however many events are asked for.
   * @throws VotestreamError RESULTS_UNAVAILABLE while a shard's view is missing or being made anew.
   */
  parts(events: readonly EventNumber[]): Promise<ReadonlyMap<EventNumber, readonly Part[]>>
  /** @throws VotestreamError RESULTS_UNAVAILABLE */
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
  const reading = new Map<EventNumber, Promise<readonly Part[]>>()

  /** Checkpoint and tallies are read as of one moment. */
  const readShard = async (shard: Shard, events: readonly EventNumber[]): Promise<Part[]> => {
    const commands = redis.multi().hmget(checkpointKey(shard), 'sequence', 'whole_at', 'generation')
    for (const event of events) commands.hgetall(tallyKey(shard, event))
    const [checkpoint, ...tallies] = await transaction(commands)
    const generation = requireWhole(checkpoint)
    return tallies.map((fields) => {
      // The reply of HGETALL.
      const tally = parseTally(Object.entries(fields as Record<string, string>).flat())
      return { shard, generation, ...tally }
    })
  }

  const parts = async (events: readonly EventNumber[]): Promise<Map<EventNumber, readonly Part[]>> => {
    const byShard = await Promise.all(allShards(shards).map((shard) => readShard(shard, events)))
    return new Map(
      events.map((event, index) => [event, byShard.flatMap((read) => read.slice(index, index + 1))]),
    )
  }

  const partsOf = async (event: EventNumber): Promise<readonly Part[]> =>
    (await parts([event])).get(event) ?? []

  return {
    parts,
    async board(event, contestants) {
      const shared = reading.get(event) ?? partsOf(event).finally(() => reading.delete(event))
      reading.set(event, shared)
      return sumParts(await shared, contestants)
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
export const transaction = async (commands: ChainableCommander): Promise<unknown[]> => {
  try {
    const replies = (await commands.exec()) ?? []
    for (const [error] of replies) if (error) throw error
    return replies.map(([, reply]) => reply)
  } catch (error) {
    throw unavailable(error)
  }
}

/**
 * @returns the log's generation.
 * @throws VotestreamError for a view that is missing or being made anew: it would show too little.
 */
export const requireWhole = (checkpoint: unknown): string => {
  // The reply of HMGET for these fields.
  const [sequence, wholeAt, generation] = checkpoint as (string | null)[]
  if (sequence == null || Number(sequence) < Number(wholeAt ?? 0)) throw unavailable()
  return generation ?? ''
}

const unavailable = (cause?: unknown): VotestreamError =>
  new VotestreamError('RESULTS_UNAVAILABLE', { retryAfterSeconds: 1, cause })
