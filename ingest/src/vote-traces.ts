import type { MsgHdrs } from '@nats-io/nats-core'
import { ATTRIBUTES, messagingAttributes } from '@votestream/infra/telemetry/attributes'
import { readTraceHeader } from '@votestream/infra/telemetry/message-headers'
import { contextOf, type TraceContext } from '@votestream/infra/telemetry/trace-context'
import { NO_STAGE, type Stage, type Tracing } from '@votestream/infra/telemetry/tracing'
import type { Shard } from '@votestream/schema/numbers'
import { ingestSubject, voteStream } from '@votestream/schema/subjects'
import type { Vote } from '@votestream/schema/votes'
import type { Item } from './lane-items.js'

/** A shard's part in the story of each sampled vote. */
export interface VoteTraces {
  /**
   * From a batch's arrival to its answer. Its sampled votes go on from there.
   * @param headers of the message, read only where something is sampled
   */
  process(votes: readonly Vote[], headers: () => MsgHdrs | undefined): Stage
  /** From the append of what a group commit holds to the broker's word that it is on disk. */
  append(items: readonly Item[]): Stage
}

export const createVoteTraces = (tracing: Tracing, shard: Shard): VoteTraces => {
  const stage = (sampled: readonly Vote[], begin: (votes: readonly TraceContext[]) => Stage): Stage => {
    if (sampled.length === 0) return NO_STAGE
    const begun = begin(sampled.flatMap((vote) => contextOf(vote) ?? []))
    for (const [index, vote] of sampled.entries()) vote.spanId = begun.votes[index]?.spanId ?? vote.spanId
    return begun
  }
  return {
    process: (votes, headers) =>
      stage(votes.filter(isSampled), (sampled) =>
        tracing.stage(
          {
            name: `${ingestSubject(shard)} process`,
            kind: 'consumer',
            parent: readTraceHeader(headers()),
            attributes: {
              ...messagingAttributes({
                operation: 'process',
                type: 'process',
                destination: ingestSubject(shard),
                template: 'ingest.{shard}',
              }),
              [ATTRIBUTES.messagingBatchSize]: votes.length,
              [ATTRIBUTES.shard]: shard,
            },
          },
          sampled,
        ),
      ),
    append: (items) =>
      stage(sampledOf(items), (sampled) =>
        tracing.stage(
          {
            name: `${voteStream(shard)} append`,
            kind: 'producer',
            attributes: {
              ...messagingAttributes({
                operation: 'append',
                type: 'send',
                destination: voteStream(shard),
                template: 'VOTES_{shard}',
              }),
              [ATTRIBUTES.messagingBatchSize]: items.length,
              [ATTRIBUTES.shard]: shard,
            },
          },
          sampled,
        ),
      ),
  }
}

const sampledOf = (items: readonly Item[]): Vote[] => {
  const sampled: Vote[] = []
  for (const item of items) {
    if (item.is === 'vote' && isSampled(item.pending.vote)) sampled.push(item.pending.vote)
  }
  return sampled
}

const isSampled = ({ spanId }: Vote): boolean => spanId !== undefined && spanId !== ''
