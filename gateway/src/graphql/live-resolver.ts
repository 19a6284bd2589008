import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { Arg, Ctx, Extensions, ID, Resolver, Root, Subscription } from 'type-graphql'
import type { Board } from '../board.js'
import { requireIds } from '../identifiers.js'
import type { VoteStatus } from '../results.js'
import type { Voting } from '../voting.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { Event, Leaderboard } from './event-types.js'
import { OfOperation } from './of-operation.js'
import { PER_VIEWER } from './per-viewer.js'
import { Vote } from './vote-types.js'

export interface LiveDeps {
  readonly voting: Pick<Voting, 'find'>
  readonly ids: OpaqueIds
  readonly now: () => number
}

interface Subscribing<Args> {
  readonly args: Args
  readonly context: GraphqlContext
}

@Resolver()
export class LiveResolver {
  readonly #deps: LiveDeps

  constructor(deps: LiveDeps) {
    this.#deps = deps
  }

  @OfOperation('leaderboardStream')
  @Subscription(() => Leaderboard, {
    description:
      'The leaderboard as it is, then as it changes, at most 20 times a second; whoever is slow skips to the ' +
      'latest. Its version only grows. Scope `results:read`.',
    subscribe: ({ args, context }: Subscribing<{ eventId: string }>) =>
      context.sources.leaderboard(context, args.eventId),
  })
  async leaderboardChanged(
    @Root() board: Board,
    @Ctx() context: GraphqlContext,
    @Arg('eventId', () => ID, { description: 'The event.' }) eventId: string,
  ): Promise<Leaderboard> {
    // What was read for the last change is not as of this one.
    context.loaders().forget()
    // For whoever sends the answer: it is not in it.
    context.since = board
    const number = requireIds({ eventId: this.#deps.ids.parseEventId(eventId) }).eventId
    const event = await context.loaders().events.load(number)
    return new Leaderboard({ event, board })
  }

  @Extensions(PER_VIEWER)
  @OfOperation('voteStatusStream')
  @Subscription(() => Vote, {
    description:
      "One's own vote as it is, then what became of it; completes when it is counted or rejected. Scope `votes`.",
    subscribe: ({ args, context }: Subscribing<{ voteId: string }>) =>
      context.sources.vote(context, args.voteId),
  })
  async voteStatusChanged(
    @Root() status: VoteStatus,
    @Ctx() context: GraphqlContext,
    @Arg('voteId', () => ID, { description: 'The vote.' }) voteId: string,
  ): Promise<Vote> {
    context.loaders().forget()
    const { voting, ids, now } = this.#deps
    const vote = requireIds({ voteId: ids.parseVoteId(voteId) }).voteId
    const event = await voting.find(requireCaller(context), vote)
    return new Vote(voteId, status, new Event(event, now()))
  }
}
