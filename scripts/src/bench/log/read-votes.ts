import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import { readLogMessage } from '@votestream/schema/log-entries'
import { allShards, type EventNumber, type Shard } from '@votestream/schema/numbers'
import { createVotedSet } from '@votestream/schema/voted-set'
import type { Vote } from '@votestream/schema/votes'

const MESSAGES_AT_ONCE = 256

/** Every vote of a shard's log, in its order; @throws Error when something in it is dead. */
const readVotes = async (
  nats: Nats,
  shard: Shard,
  shards: number,
  visit: (vote: Vote) => void,
): Promise<void> => {
  const { lastSequence: toSequence } = await logPosition(nats, shard)
  const { signal } = new AbortController()
  const range = { nats, shard, fromSequence: 1, toSequence, batchMax: MESSAGES_AT_ONCE, signal }
  for await (const entries of readLogRange(range)) {
    for (const { data, sequence } of entries) {
      const { votes, dead } = readLogMessage(data, shard, shards)
      if (dead.length > 0) throw new Error(`message ${sequence} of shard ${shard}: ${dead[0]?.reason}`)
      for (const vote of votes) visit(vote)
    }
  }
}

/**
 * How far the logs are from what was counted: votes too many, votes missing, voters twice. 0: exactly those.
 * @param counted by shard: so many votes, of the first voters of that shard, each once
 */
export const logFaults = async (
  nats: Nats,
  event: EventNumber,
  counted: readonly number[],
): Promise<number> => {
  const shards = counted.length
  let faults = 0
  for (const shard of allShards(shards)) {
    const voted = createVotedSet(shards)
    const expected = counted[shard] ?? 0
    await readVotes(nats, shard, shards, (vote) => {
      const isExpected = vote.event === event && vote.voter <= nthVoter(shard, shards, expected)
      if (!isExpected || !voted.add(event, vote.voter)) faults += 1
    })
    faults += expected - voted.count(event)
  }
  return faults
}

/** The voters of a shard, one after the other; the first is number 1. */
export const nthVoter = (shard: Shard, shards: number, n: number): number => n * shards + shard
