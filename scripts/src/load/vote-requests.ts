import { contestantOf } from './markers.js'
import { type RequestSource, type WireRequest, wireText } from './request-source.js'
import { intendedMs, type OpenPace } from './schedule.js'
import type { Voter } from './voters.js'

export interface VoteRequestsOptions {
  /** Of the `host` header. */
  readonly host: string
  readonly eventId: string
  readonly contestantIds: readonly string[]
  /** Each votes once at most, in this order. */
  readonly voters: readonly Voter[]
  /** From 0 to 1: so many of the votes go over GraphQL, evenly. */
  readonly graphqlShare: number
  /** Says whom a vote is for: contestants mark the time (see `contestantOf`); without it, each in turn. */
  readonly pace: OpenPace | null
}

export const REST = 0
export const GRAPHQL = 1

const MUTATION = 'mutation Vote($input: SubmitVoteInput!) { submitVote(input: $input) { id status } }'

/** One vote for each voter. */
export const voteRequests = (options: VoteRequestsOptions): RequestSource => {
  const { host, eventId, contestantIds, voters, graphqlShare, pace } = options
  return {
    count: voters.length,
    series: [
      { name: 'REST', success: 'status' },
      { name: 'GraphQL', success: 'graphql' },
    ],
    at(index): WireRequest {
      const voter = voters[index]
      const place = pace ? contestantOf(intendedMs(pace, index), contestantIds.length) : index
      const contestantId = contestantIds[place % contestantIds.length]
      if (!voter || contestantId === undefined) throw new RangeError(`there is no vote ${index}`)
      const headers = { host, authorization: `Bearer ${voter.token}` }
      if (isGraphql(index, graphqlShare)) {
        const input = { eventId, contestantId }
        const body = { query: MUTATION, variables: { input } }
        return { series: GRAPHQL, text: wireText('POST', '/graphql', headers, body) }
      }
      const body = { user_id: voter.userId, event_id: eventId, contestant_id: contestantId }
      return { series: REST, text: wireText('POST', '/v1/vote/submit', headers, body) }
    },
  }
}

/** So that of any number of requests in a row the share is kept as well as can be. */
export const isGraphql = (index: number, share: number): boolean =>
  Math.floor((index + 1) * share) > Math.floor(index * share)
