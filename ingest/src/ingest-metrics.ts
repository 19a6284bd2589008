import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { createHistogram, SIZE_BUCKETS } from '@votestream/infra/metrics/histograms'
import type { QueueFigures } from '@votestream/infra/metrics/queues'
import type { Shard } from '@votestream/schema/numbers'
import { OUTCOMES, type Outcome } from '@votestream/schema/votes'
import { Counter, type Registry } from 'prom-client'
import type { AppendResult } from './group-commit.js'

/** `pending`: it waited for a vote of the same voter, and has an outcome of its own besides; `not_mine`: asked in vain. */
export const VOTE_OUTCOMES = [...OUTCOMES, 'pending', 'not_mine'] as const
export type VoteOutcome = (typeof VOTE_OUTCOMES)[number]
export const APPEND_RESULTS = [
  'stored',
  'unknown',
  'refused',
  'full',
] as const satisfies readonly AppendResult[]

/** What operators see of a shard's owner. */
export interface ShardMetrics {
  /** A batch of submissions was decided: an outcome for each. */
  decided(outcomes: readonly Outcome[]): void
  counted(outcome: VoteOutcome, votes: number): void
  appended(result: AppendResult): void
  /** A message is on disk. @param traceId of one of its votes, 32 hexadecimal digits */
  committed(votes: number, seconds: number, traceId?: string): void
  /** There was no room for a batch of submissions. */
  turnedAway(): void
  /** @param depth what waits for its commit, while the shard has an owner here. @returns how to forget it. */
  follow(depth: () => number): () => void
}

export interface IngestMetrics {
  ofShard(shard: Shard): ShardMetrics
  /** Over all shards here: the fullest one's depth. */
  readonly commitQueue: QueueFigures
}

/** Votes are counted in plain numbers, batch by batch, and told when asked. @param waitingVotesMax of each shard */
export const createIngestMetrics = (registry: Registry, waitingVotesMax: number): IngestMetrics => {
  const registers = [registry]
  const votes = new Map<Shard, Record<VoteOutcome, number>>()
  const appends = new Map<Shard, Record<AppendResult, number>>()
  new Counter({
    registers,
    name: 'votestream_votes_total',
    help: 'Submitted votes, by what the owner of their shard decided. A pending one waited for the fate of another vote of its voter, and counts again with its own outcome',
    labelNames: ['shard', 'outcome'],
    collect() {
      this.reset()
      for (const [shard, counts] of votes)
        for (const outcome of VOTE_OUTCOMES) this.inc({ shard, outcome }, counts[outcome])
    },
  })
  new Counter({
    registers,
    name: 'votestream_commit_results_total',
    help: 'Appends to the log of a shard, by what came of them: on disk, not known, refused by the fence, or no room',
    labelNames: ['shard', 'result'],
    collect() {
      this.reset()
      for (const [shard, counts] of appends)
        for (const result of APPEND_RESULTS) this.inc({ shard, result }, counts[result])
    },
  })
  const batchVotes = createHistogram({
    registry,
    name: 'votestream_commit_batch_votes',
    help: 'Votes in a message of the log',
    buckets: SIZE_BUCKETS,
  })
  const commit = createHistogram({
    registry,
    name: 'votestream_commit_seconds',
    help: 'From a message’s first append to its being known to be on disk',
    buckets: LATENCY_BUCKETS_SECONDS,
  })
  const depths = new Set<() => number>()
  let refused = 0

  return {
    ofShard(shard) {
      const counts = votes.get(shard) ?? zeros(VOTE_OUTCOMES)
      const results = appends.get(shard) ?? zeros(APPEND_RESULTS)
      votes.set(shard, counts)
      appends.set(shard, results)
      return {
        decided(outcomes) {
          for (const outcome of outcomes) counts[outcome] += 1
        },
        counted(outcome, number) {
          counts[outcome] += number
        },
        appended(result) {
          results[result] += 1
        },
        committed(number, seconds, traceId) {
          if (number > 0) batchVotes.observe(number)
          commit.observe(seconds, traceId)
        },
        turnedAway() {
          refused += 1
        },
        follow(depth) {
          depths.add(depth)
          return () => depths.delete(depth)
        },
      }
    },
    commitQueue: {
      depth: () => Math.max(0, ...[...depths].map((depth) => depth())),
      bound: waitingVotesMax,
      refused: () => refused,
    },
  }
}

const zeros = <Name extends string>(names: readonly Name[]): Record<Name, number> =>
  // Every name is a key of it.
  Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
