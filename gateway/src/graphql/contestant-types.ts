import { GraphQLSafeInt } from 'graphql-scalars'
import { Field, Float, ID, InputType, Int, ObjectType } from 'type-graphql'
import type { CatalogEvent } from '../event-catalog.js'

@ObjectType({ description: 'Somebody or something that can be voted for.' })
export class Contestant {
  readonly event: CatalogEvent
  readonly index: number
  /** Undefined where the board is to be looked up. */
  readonly knownVotes: number | undefined

  @Field(() => ID, { description: 'What a vote names.' })
  readonly id: string

  @Field(() => String, { description: 'The name, unique in the event.' })
  readonly name: string

  @Field(() => String, { description: 'A few sentences.' })
  readonly description: string

  @Field(() => String, { description: 'The address of a picture, http or https.' })
  readonly imageUrl: string

  constructor(event: CatalogEvent, index: number, votes?: number) {
    const record = event.record.contestants[index]
    this.event = event
    this.index = index
    this.knownVotes = votes
    this.id = event.contestantIds[index] ?? ''
    this.name = record?.name ?? ''
    this.description = record?.description ?? ''
    this.imageUrl = record?.imageUrl ?? ''
  }
}

@ObjectType({ description: "A contestant's place on a leaderboard." })
export class Standing {
  @Field(() => Int, {
    description: "1 for the most votes. Ranks are all different: ties rank in the event's own order.",
  })
  readonly rank: number

  @Field(() => Contestant, { description: 'Whose place it is.' })
  readonly contestant: Contestant

  @Field(() => GraphQLSafeInt, { description: 'Votes that count.' })
  readonly totalVotes: number

  @Field(() => Float, {
    description: 'The share of all votes that count, from 0 to 1; 0 while there are none.',
  })
  readonly share: number

  constructor(rank: number, contestant: Contestant, totalVotes: number, share: number) {
    this.rank = rank
    this.contestant = contestant
    this.totalVotes = totalVotes
    this.share = share
  }
}

@InputType({ description: 'A contestant of a new event.' })
export class ContestantInput {
  @Field(() => String, { description: 'Different from all others. 1 to 200 characters.' })
  readonly name!: string

  @Field(() => String, { description: 'A few sentences. 1 to 2,000 characters.' })
  readonly description!: string

  @Field(() => String, { description: 'The address of a picture, http or https. Up to 2,048 characters.' })
  readonly imageUrl!: string
}
