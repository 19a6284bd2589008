import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { Arg, Ctx, Mutation, Resolver } from 'type-graphql'
import type { Decisions } from '../decisions.js'
import { requireIds } from '../identifiers.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { DecideVoteInput, Decision } from './decision-types.js'
import { Event } from './event-types.js'
import { OfOperation } from './of-operation.js'

export interface DecisionDeps {
  readonly decisions: Decisions
  readonly ids: OpaqueIds
  readonly now: () => number
}

@Resolver(() => Decision)
export class DecisionResolver {
  readonly #deps: DecisionDeps

  constructor(deps: DecisionDeps) {
    this.#deps = deps
  }

  @OfOperation('decideVote')
  @Mutation(() => Decision, {
    description:
      'Rejects a vote or admits it. Answers when the decision is durably written; tally, boards and archive follow. ' +
      'It stands against the closing of the event, and can be reversed by another one. Scope `admin`.',
  })
  async decideVote(
    @Ctx() context: GraphqlContext,
    @Arg('input', () => DecideVoteInput, { description: 'The decision.' }) input: DecideVoteInput,
  ): Promise<Decision> {
    const { decisions, ids, now } = this.#deps
    const caller = requireCaller(context)
    const { voteId: vote } = requireIds({ voteId: ids.parseVoteId(input.voteId) })
    const event = await decisions.decide(caller, vote, input.verdict, context.deadline)
    return new Decision(input.voteId, input.verdict, new Event(event, now()))
  }
}
