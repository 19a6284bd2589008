import { gql, type TypedDocumentNode } from '@apollo/client'

// The names are those of schema/schema.graphql; each type holds what its document asks for.

export type EventStatus = 'SCHEDULED' | 'OPEN' | 'CLOSED'
export type VoteStatus = 'ACKED' | 'PROCESSED' | 'REJECTED'

export interface Contestant {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly imageUrl: string
}

export interface Standing {
  readonly rank: number
  readonly totalVotes: number
  readonly share: number
  readonly contestant: { readonly id: string }
}

export interface Board {
  readonly __typename: 'Leaderboard'
  readonly eventId: string
  readonly version: number
  readonly totalVotes: number
  readonly asOf: string
  readonly standings: readonly Standing[]
}

export interface EventTimes {
  readonly id: string
  readonly status: EventStatus
  readonly opensAt: string | null
  readonly closesAt: string | null
}

export interface EventDetail extends EventTimes {
  readonly name: string
  readonly contestants: readonly Contestant[]
  readonly leaderboard: Board
}

export interface EventSummary extends EventTimes {
  readonly name: string
  readonly leaderboard: {
    readonly totalVotes: number
    readonly standings: readonly {
      readonly share: number
      readonly totalVotes: number
      readonly contestant: { readonly id: string; readonly name: string }
    }[]
  }
}

export interface Vote {
  readonly id: string
  readonly status: VoteStatus
  readonly reason: string | null
}

export const BOARD_FIELDS = gql`
  fragment BoardFields on Leaderboard {
    eventId
    version
    totalVotes
    asOf
    standings {
      rank
      totalVotes
      share
      contestant {
        id
      }
    }
  }
`

export const EVENT: TypedDocumentNode<{ event: EventDetail | null }, { id: string }> = gql`
  query PageEvent($id: ID!) {
    event(id: $id) {
      id
      name
      status
      opensAt
      closesAt
      contestants {
        id
        name
        description
        imageUrl
      }
      leaderboard {
        ...BoardFields
      }
    }
  }
  ${BOARD_FIELDS}
`

export const EVENT_TIMES: TypedDocumentNode<{ event: EventTimes | null }, { id: string }> = gql`
  query PageEventTimes($id: ID!) {
    event(id: $id) {
      id
      status
      opensAt
      closesAt
    }
  }
`

interface TimelineData {
  readonly event: {
    readonly id: string
    readonly leaderboard: { readonly eventId: string; readonly totalVotes: number }
    readonly timeline: readonly { readonly start: string; readonly votes: number }[]
  } | null
}

export const TIMELINE: TypedDocumentNode<TimelineData, { id: string; last: number }> = gql`
  query PageTimeline($id: ID!, $last: Int!) {
    event(id: $id) {
      id
      leaderboard {
        eventId
        totalVotes
      }
      timeline(window: TEN_SECONDS, last: $last) {
        start
        votes
      }
    }
  }
`

export interface EventPage {
  readonly edges: readonly { readonly cursor: string; readonly node: EventSummary }[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

export const EVENTS: TypedDocumentNode<
  { events: EventPage },
  { first: number; after?: string | null | undefined }
> = gql`
  query PageEvents($first: Int!, $after: String) {
    events(first: $first, after: $after) {
      edges {
        cursor
        node {
          id
          name
          status
          opensAt
          closesAt
          leaderboard {
            eventId
            totalVotes
            standings {
              rank
              totalVotes
              share
              contestant {
                id
                name
              }
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`

export const LOGIN: TypedDocumentNode<
  { login: { token: string; user: { id: string; username: string } } },
  { username: string; password: string }
> = gql`
  mutation PageLogin($username: String!, $password: String!) {
    login(username: $username, password: $password) {
      token
      user {
        id
        username
      }
    }
  }
`

const VOTE_FIELDS = gql`
  fragment VoteFields on Vote {
    id
    status
    reason
  }
`

export const SUBMIT_VOTE: TypedDocumentNode<
  { submitVote: Vote },
  { input: { eventId: string; contestantId: string; clientTimestamp: string } }
> = gql`
  mutation PageVote($input: SubmitVoteInput!) {
    submitVote(input: $input) {
      ...VoteFields
    }
  }
  ${VOTE_FIELDS}
`

export const VOTE: TypedDocumentNode<{ vote: Vote | null }, { id: string }> = gql`
  query PageVoteStatus($id: ID!) {
    vote(id: $id) {
      ...VoteFields
    }
  }
  ${VOTE_FIELDS}
`

export const VOTE_CHANGED: TypedDocumentNode<{ voteStatusChanged: Vote }, { id: string }> = gql`
  subscription PageVoteChanged($id: ID!) {
    voteStatusChanged(voteId: $id) {
      ...VoteFields
    }
  }
  ${VOTE_FIELDS}
`

export const BOARD_CHANGED: TypedDocumentNode<{ leaderboardChanged: Board }, { eventId: string }> = gql`
  subscription PageBoard($eventId: ID!) {
    leaderboardChanged(eventId: $eventId) {
      ...BoardFields
    }
  }
  ${BOARD_FIELDS}
`

export interface ContestantDraft {
  readonly name: string
  readonly description: string
  readonly imageUrl: string
}

export interface EventDraft {
  readonly name: string
  readonly contestants: readonly ContestantDraft[]
  readonly opensAt: string | null
  readonly closesAt: string | null
}

export const CREATE_EVENT: TypedDocumentNode<{ createEvent: { id: string } }, { input: EventDraft }> = gql`
  mutation PageCreateEvent($input: CreateEventInput!) {
    createEvent(input: $input) {
      id
    }
  }
`

export const CLOSE_EVENT: TypedDocumentNode<{ closeEvent: EventTimes }, { id: string }> = gql`
  mutation PageCloseEvent($id: ID!) {
    closeEvent(id: $id) {
      id
      status
      opensAt
      closesAt
    }
  }
`
