import { ATTRIBUTES, messagingAttributes } from '@votestream/infra/telemetry/attributes'
import { contextOf, type TraceContext } from '@votestream/infra/telemetry/trace-context'
import { NO_STAGE, type Stage, type Tracing } from '@votestream/infra/telemetry/tracing'
import type { Shard } from '@votestream/schema/numbers'
import { ingestSubject } from '@votestream/schema/subjects'
import type { Submission } from '@votestream/schema/votes'

/** A batch of votes as it is sent: those that are sampled go on from this sending. */
export interface SentBatch {
  readonly votes: readonly Submission[]
  readonly stage: Stage
}

/** From the moment when a batch leaves until its owner answers; each try is told of. */
export const beginSend = (tracing: Tracing, shard: Shard, votes: Submission[]): SentBatch => {
  const sampled: { readonly index: number; readonly context: TraceContext }[] = []
  for (let index = 0; index < votes.length; index += 1) {
    // Of nearly all votes there is no more to be done than this.
    const vote = votes[index]
    const context = vote?.spanId === undefined ? undefined : contextOf(vote)
    if (context) sampled.push({ index, context })
  }
  if (sampled.length === 0) return { votes, stage: NO_STAGE }
  const stage = tracing.stage(
    {
      name: `${ingestSubject(shard)} send`,
      kind: 'producer',
      attributes: {
        ...messagingAttributes({
          operation: 'send',
          type: 'send',
          destination: ingestSubject(shard),
          template: 'ingest.{shard}',
        }),
        [ATTRIBUTES.messagingBatchSize]: votes.length,
        [ATTRIBUTES.shard]: shard,
      },
    },
    sampled.map(({ context }) => context),
  )
  for (const [at, { index }] of sampled.entries()) {
    const vote = votes[index]
    const context = stage.votes[at]
    // The vote itself stays as it is: should it have to be sent again, it goes on from its request again.
    if (vote && context) votes[index] = { ...vote, spanId: context.spanId }
  }
  return { votes, stage }
}
