import { type EventStatus, eventStatus, rankStandings } from '@votestream/schema/event-record'
import { GraphQLDateTime, GraphQLSafeInt } from 'graphql-scalars'
import { Field, ID, InputType, ObjectType, registerEnumType } from 'type-graphql'
import type { CatalogEvent } from '../event-catalog.js'
import type { EventBoard } from '../events.js'
import { Contestant, ContestantInput, Standing } from './contestant-types.js'

export const EVENT_STATUS = { SCHEDULED: 'SCHEDULED', OPEN: 'OPEN', CLOSED: 'CLOSED' } as const
registerEnumType(EVENT_STATUS, {
  name: 'EventStatus',
  description: 'Where an event stands by the clock. Whether a vote counts is decided when it is written.',
  valuesConfig: {
    SCHEDULED: { description: 'Voting has not begun.' },
    OPEN: { description: 'Votes are taken.' },
    CLOSED: { description: 'Voting is over.' },
  },
})

@ObjectType({ description: 'Something that is voted on.' })
export class Event {
  readonly known: CatalogEvent

  @Field(() => ID, { description: 'What a vote names.' })
  readonly id: string

  @Field(() => String, { description: 'The name.' })
  readonly name: string

  @Field(() => EVENT_STATUS, { description: 'Where the event stands at this moment.' })
  readonly status: EventStatus

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: 'When voting begins; null: it was open from the beginning.',
  })
  readonly opensAt: Date | null

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: 'When voting ends or ended; null: when somebody closes it.',
  })
  readonly closesAt: Date | null

  constructor(known: CatalogEvent, nowMs: number) {
    const { record, id } = known
    this.known = known
    this.id = id
    this.name = record.name
    this.status = eventStatus(record, nowMs)
    this.opensAt = dateOf(record.opensAtMs)
    this.closesAt = dateOf(record.closesAtMs)
  }
}

const dateOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))

@ObjectType({ description: 'Who leads: all standings of an event, as of one moment.' })
export class Leaderboard {
  @Field(() => ID, { description: 'The event.' })
  readonly eventId: string

  @Field(() => String, { description: "The event's name." })
  readonly eventName: string

  @Field(() => GraphQLSafeInt, {
    description:
      'Grows with every change: of two boards of an event the one with the higher version is later.',
  })
  readonly version: number

  @Field(() => GraphQLSafeInt, { description: 'All votes that count.' })
  readonly totalVotes: number

  @Field(() => GraphQLDateTime, {
    description:
      "When the last vote on the board was acknowledged; the event's creation while there is none.",
  })
  readonly asOf: Date

  @Field(() => [Standing], { description: "Most votes first; ties in the event's own order." })
  readonly standings: readonly Standing[]

  constructor({ event, board }: EventBoard) {
    const totalVotes = board.totals.reduce((sum, votes) => sum + votes, 0)
    this.eventId = event.id
    this.eventName = event.record.name
    this.version = board.version
    this.totalVotes = totalVotes
    this.asOf = new Date(board.ackedAtMs || event.record.createdAtMs)
    this.standings = rankStandings(board.totals).map(
      ({ rank, index, totalVotes: votes }) =>
        new Standing(
          rank,
          new Contestant(event, index, votes),
          votes,
          totalVotes > 0 ? votes / totalVotes : 0,
        ),
    )
  }
}

@ObjectType({ description: 'An event in a list.' })
export class EventEdge {
  @Field(() => String, { description: 'What `after` takes to go on behind this event.' })
  readonly cursor: string

  @Field(() => Event, { description: 'The event.' })
  readonly node: Event

  constructor(node: Event) {
    this.cursor = node.id
    this.node = node
  }
}

@ObjectType({ description: 'Where a page of a list stands.' })
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether more follows behind `endCursor`.' })
  readonly hasNextPage: boolean

  @Field(() => Boolean, { description: 'Whether something stands before `startCursor`.' })
  readonly hasPreviousPage: boolean

  @Field(() => String, {
    nullable: true,
    description: 'The cursor of the first edge; null in an empty page.',
  })
  readonly startCursor: string | null

  @Field(() => String, { nullable: true, description: 'The cursor of the last edge; null in an empty page.' })
  readonly endCursor: string | null

  constructor(edges: readonly EventEdge[], hasNextPage: boolean, hasPreviousPage: boolean) {
    this.hasNextPage = hasNextPage
    this.hasPreviousPage = hasPreviousPage
    this.startCursor = edges[0]?.cursor ?? null
    this.endCursor = edges.at(-1)?.cursor ?? null
  }
}

@ObjectType({ description: 'A page of events, newest first.' })
export class EventConnection {
  @Field(() => [EventEdge], { description: 'The events with their cursors.' })
  readonly edges: readonly EventEdge[]

  @Field(() => [Event], { description: 'The events alone.' })
  readonly nodes: readonly Event[]

  @Field(() => PageInfo, { description: 'Where this page stands.' })
  readonly pageInfo: PageInfo

  constructor(nodes: readonly Event[], hasNextPage: boolean, hasPreviousPage: boolean) {
    this.nodes = nodes
    this.edges = nodes.map((node) => new EventEdge(node))
    this.pageInfo = new PageInfo(this.edges, hasNextPage, hasPreviousPage)
  }
}

@InputType({ description: 'A new event.' })
export class CreateEventInput {
  @Field(() => String, { description: 'The name. 1 to 200 characters.' })
  readonly name!: string

  @Field(() => [ContestantInput], {
    description: '1 to 500, in the order in which ties rank. Their names are distinct.',
  })
  readonly contestants!: ContestantInput[]

  @Field(() => GraphQLDateTime, { nullable: true, description: 'When voting begins; without it, at once.' })
  readonly opensAt?: Date | null

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: 'When voting ends; without it, when the event is closed.',
  })
  readonly closesAt?: Date | null

  @Field(() => Boolean, {
    nullable: true,
    description:
      'A check of the system itself, which lists of events and the views of analysts leave out. Scope `events:canary` ' +
      'is needed, too.',
  })
  readonly canary?: boolean | null
}
