import type { Nats } from '@votestream/infra/nats'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { allShards, type EventNumber, type Shard, shardOf, voterNumber } from '@votestream/schema/numbers'
import { voteSubject } from '@votestream/schema/subjects'
import { logMessage, type Vote } from '@votestream/schema/votes'
import { CONTESTANTS, phoneVote } from './votes.js'

/** A log with votes in it that all count, and nothing else. */
export interface FullLog {
  readonly votes: number
  readonly event: EventNumber
  /** Votes by contestant, of all shards. */
  readonly totals: readonly number[]
  /** By shard: the sequence of the last message. */
  readonly ends: readonly number[]
}

interface FillingOptions {
  readonly nats: Nats
  readonly shards: number
  readonly event: EventNumber
  readonly votes: number
  /** Votes in one message. */
  readonly batchVotes: number
  /** The voter of each vote, all different. @param index from 0 */
  readonly voterAt: (index: number) => number
}

/** Messages on their way to the broker at once. */
const PUBLISHED_AT_ONCE = 64
/** As if so many had voted in a second. */
const VOTES_PER_SECOND = 20_000

/** Appends votes to new logs, in messages as a busy ingest writes them. */
export const fillLog = async (options: FillingOptions): Promise<FullLog> => {
  const { nats, shards, event, votes, batchVotes, voterAt } = options
  await ensureVoteStreams(nats, { shards, replicas: 1 })
  const ends = allShards(shards).map(() => 0)
  const totals = Array.from({ length: CONTESTANTS }, () => 0)
  const gathering: Vote[][] = allShards(shards).map(() => [])
  const underWay = new Set<Promise<void>>()

  const publish = async (shard: Shard): Promise<void> => {
    const batch = gathering[shard]
    if (!batch || batch.length === 0) return
    gathering[shard] = []
    const message = logMessage.encode({ votes: batch, closings: [], takeover: null, decisions: [] })
    const stored = nats.js.publish(voteSubject(shard), message).then(({ seq }) => {
      ends[shard] = Math.max(ends[shard] ?? 0, seq)
      underWay.delete(stored)
    })
    underWay.add(stored)
    if (underWay.size >= PUBLISHED_AT_ONCE) await Promise.race(underWay)
  }

  const beganMs = Date.now() - (votes * 1_000) / VOTES_PER_SECOND
  for (let index = 0; index < votes; index += 1) {
    const atMs = Math.floor(beganMs + (index * 1_000) / VOTES_PER_SECOND)
    const vote = phoneVote(event, voterAt(index), atMs, atMs)
    totals[vote.contestant] = (totals[vote.contestant] ?? 0) + 1
    const shard = shardOf(voterNumber(vote.voter), shards)
    gathering[shard]?.push(vote)
    if ((gathering[shard]?.length ?? 0) >= batchVotes) await publish(shard)
  }
  for (const shard of allShards(shards)) await publish(shard)
  await Promise.all(underWay)
  return { votes, event, totals, ends }
}

/** The voters 1 to `count`, each once, in an order in which neighbours are far from each other, as they vote. */
export const mixedVoters = (count: number): ((index: number) => number) => {
  // Around the golden ratio, so that they are spread evenly at every moment; without a common divisor all come once.
  let step = Math.max(1, Math.round(count * 0.618_033_988_75))
  while (greatestDivisor(step, count) !== 1) step += 1
  return (index) => 1 + ((index * step) % count)
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b))

/** Voters with as much between them as there is: each is alone in its part of the numbers. */
export const scatteredVoters =
  (count: number, among: number): ((index: number) => number) =>
  // One off, so that they fall on every shard in turn.
  (index) =>
    1 + index * (Math.floor((among - count) / count) | 1)
