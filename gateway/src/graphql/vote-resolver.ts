import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { CHANNEL } from '@votestream/schema/votes'
import { Arg, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql'
import { attemptOf, traceIdOf } from '../attempts.js'
import { requireIds } from '../identifiers.js'
import type { Voting } from '../voting.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { Event } from './event-types.js'
import { checkVoteExtras } from './input-checks.js'
import { OfOperation } from './of-operation.js'
import { SubmitVoteInput, Vote } from './vote-types.js'

export interface VoteDeps {
  readonly voting: Voting
  readonly ids: OpaqueIds
  readonly now: () => number
}

@Resolver(() => Vote)
export class VoteResolver {
  readonly #deps: VoteDeps

  constructor(deps: VoteDeps) {
    this.#deps = deps
  }

  @OfOperation('submitVote')
  @Mutation(() => Vote, {
    description:
      'Casts a vote. Answers once the vote is durably written. One user has one vote in one event. Scope `votes`. ' +
      "With an `Idempotency-Key` header a repeated request gets the first one's answer.",
  })
  async submitVote(
    @Ctx() context: GraphqlContext,
    @Arg('input', () => SubmitVoteInput, { description: 'The vote.' }) input: SubmitVoteInput,
  ): Promise<Vote> {
    const { voting, ids, now } = this.#deps
    const caller = requireCaller(context)
    const extras = checkVoteExtras(input.clientTimestamp, input.meta)
    const named = requireIds({
      eventId: ids.parseEventId(input.eventId),
      contestantId: ids.parseContestantId(input.contestantId),
    })
    const trace = context.trace?.context
    const ballot = {
      event: named.eventId,
      contestant: named.contestantId,
      attempt: attemptOf(context.idempotencyKey),
      ...extras,
      channel: CHANNEL.graphql,
      traceId: trace?.traceId ?? traceIdOf(context.traceParent),
      spanId: trace?.spanId,
      traceState: trace?.traceState,
    }
    const { voteId, event } = await voting.submit(caller, ballot, context.deadline)
    context.acknowledged.votes += 1
    return new Vote(voteId, 'acked', new Event(event, now()))
  }

  @OfOperation('voteStatus')
  @Query(() => Vote, { nullable: true, description: "One's own vote, and what became of it. Scope `votes`." })
  async vote(
    @Ctx() context: GraphqlContext,
    @Arg('id', () => ID, { description: 'The vote.' }) id: string,
  ): Promise<Vote> {
    const { voting, ids, now } = this.#deps
    const caller = requireCaller(context)
    const named = requireIds({ id: ids.parseVoteId(id) }).id
    const { status, event } = await voting.status(caller, named)
    return new Vote(id, status, new Event(event, now()))
  }
}
