import { gql, type TypedDocumentNode } from '@apollo/client'
import { BOARD_FRAGMENT, PAGE_DOCUMENTS } from '../model/page-documents.js'

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

export const BOARD_FIELDS = gql(BOARD_FRAGMENT)

export const EVENT: TypedDocumentNode<{ event: EventDetail | null }, { id: string }> = gql(
  PAGE_DOCUMENTS.event,
)

export const EVENT_TIMES: TypedDocumentNode<{ event: EventTimes | null }, { id: string }> = gql(
  PAGE_DOCUMENTS.eventTimes,
)

interface TimelineData {
  readonly event: {
    readonly id: string
    readonly leaderboard: { readonly eventId: string; readonly totalVotes: number }
    readonly timeline: readonly { readonly start: string; readonly votes: number }[]
  } | null
}

export const TIMELINE: TypedDocumentNode<TimelineData, { id: string; last: number }> = gql(
  PAGE_DOCUMENTS.timeline,
)

export interface EventPage {
  readonly edges: readonly { readonly cursor: string; readonly node: EventSummary }[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}

export const EVENTS: TypedDocumentNode<
  { events: EventPage },
  { first: number; after?: string | null | undefined }
> = gql(PAGE_DOCUMENTS.events)

export const LOGIN: TypedDocumentNode<
  { login: { token: string; user: { id: string; username: string } } },
  { username: string; password: string }
> = gql(PAGE_DOCUMENTS.login)

export const SUBMIT_VOTE: TypedDocumentNode<
  { submitVote: Vote },
  { input: { eventId: string; contestantId: string; clientTimestamp: string } }
> = gql(PAGE_DOCUMENTS.submitVote)

export const VOTE: TypedDocumentNode<{ vote: Vote | null }, { id: string }> = gql(PAGE_DOCUMENTS.vote)

export const VOTE_CHANGED: TypedDocumentNode<{ voteStatusChanged: Vote }, { id: string }> = gql(
  PAGE_DOCUMENTS.voteChanged,
)

export const BOARD_CHANGED: TypedDocumentNode<{ leaderboardChanged: Board }, { eventId: string }> = gql(
  PAGE_DOCUMENTS.boardChanged,
)

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

export const CREATE_EVENT: TypedDocumentNode<{ createEvent: { id: string } }, { input: EventDraft }> = gql(
  PAGE_DOCUMENTS.createEvent,
)

export const CLOSE_EVENT: TypedDocumentNode<{ closeEvent: EventTimes }, { id: string }> = gql(
  PAGE_DOCUMENTS.closeEvent,
)
