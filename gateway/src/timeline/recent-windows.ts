import type { Redis } from '@votestream/infra/redis'
import { allShards, type ContestantIndex, type EventNumber, type Shard } from '@votestream/schema/numbers'
import { checkpointKey, tallyKey, WINDOW_MS, windowKey } from '@votestream/schema/redis-keys'
import { requireWhole, transaction } from '../results.js'
import type { WindowVotes } from './timelines.js'

/** How far into a shard's log an event's tally is. */
export interface TallyPosition {
  readonly shard: Shard
  readonly generation: string
  /** The last message that touched the event; 0: none. */
  readonly sequence: number
}

/** The windows of 10 seconds that Redis keeps. */
export interface RecentWindows {
  /**
   * From `startMs` to before `endMs`, and how far the event's tallies are, as of one moment in each shard.
   * @throws VotestreamError RESULTS_UNAVAILABLE
   */
  read(
    event: EventNumber,
    startMs: number,
    endMs: number,
  ): Promise<{ readonly votes: readonly WindowVotes[]; readonly positions: readonly TallyPosition[] }>
}

export const createRecentWindows = ({
  redis,
  shards,
}: {
  readonly redis: Redis
  readonly shards: number
}): RecentWindows => {
  const readShard = async (shard: Shard, event: EventNumber, starts: readonly number[]) => {
    const commands = redis
      .multi()
      .hmget(checkpointKey(shard), 'sequence', 'whole_at', 'generation')
      .hget(tallyKey(shard, event), 'sequence')
    for (const startMs of starts) commands.hgetall(windowKey(shard, event, startMs))
    const [checkpoint, sequence, ...windows] = await transaction(commands)
    const position: TallyPosition = {
      shard,
      generation: requireWhole(checkpoint),
      sequence: Number(sequence ?? 0),
    }
    const votes = windows.flatMap((fields, index) =>
      // The replies of HGETALL.
      Object.entries(fields as Record<string, string>).map(
        ([contestant, count]): WindowVotes => ({
          startMs: starts[index] ?? 0,
          contestant: Number(contestant) as ContestantIndex,
          votes: Number(count),
        }),
      ),
    )
    return { votes, position }
  }

  return {
    async read(event, startMs, endMs) {
      const starts: number[] = []
      for (let start = startMs; start < endMs; start += WINDOW_MS) starts.push(start)
      const read = await Promise.all(allShards(shards).map((shard) => readShard(shard, event, starts)))
      return {
        votes: read.flatMap(({ votes }) => votes),
        positions: read.map(({ position }) => position),
      }
    },
  }
}
