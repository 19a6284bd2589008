import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { Board } from '../board.js'
import { requireIds } from '../identifiers.js'
import type { LiveBoards } from '../live/live-boards.js'
import type { LiveVotes } from '../live/live-votes.js'
import type { VoteStatus } from '../results.js'
import type { Voting } from '../voting.js'
import { type GraphqlContext, requireCaller } from './context.js'

/** What each subscription follows, once it is sure that the caller may. */
export interface SubscriptionSources {
  /** @throws VotestreamError UNAUTHENTICATED, INVALID_ID, WRONG_SCOPE, EVENT_NOT_FOUND, STORE_UNAVAILABLE */
  leaderboard(context: GraphqlContext, eventId: string): Promise<AsyncIterable<Board>>
  /** @throws VotestreamError UNAUTHENTICATED, INVALID_ID, WRONG_SCOPE, VOTE_NOT_FOUND, STORE_UNAVAILABLE */
  vote(context: GraphqlContext, voteId: string): Promise<AsyncIterable<VoteStatus>>
}

export interface SourceDeps {
  readonly ids: OpaqueIds
  readonly voting: Pick<Voting, 'find'>
  readonly liveBoards: Pick<LiveBoards, 'watch'>
  readonly liveVotes: LiveVotes
}

export const createSubscriptionSources = ({
  ids,
  voting,
  liveBoards,
  liveVotes,
}: SourceDeps): SubscriptionSources => ({
  async leaderboard(context, eventId) {
    requireCaller(context)
    const number = requireIds({ eventId: ids.parseEventId(eventId) }).eventId
    const { record } = await context.loaders().events.load(number)
    return liveBoards.watch(number, record.contestants.length)
  },
  async vote(context, voteId) {
    const caller = requireCaller(context)
    const vote = requireIds({ voteId: ids.parseVoteId(voteId) }).voteId
    await voting.find(caller, vote)
    return liveVotes.watch(vote.event, vote.voter)
  },
})
