import { GraphQLDateTime } from 'graphql-scalars'
import { Field, ID, InputType, ObjectType, registerEnumType } from 'type-graphql'
import type { VoteStatus } from '../results.js'
import { Event } from './event-types.js'

export const VOTE_STATUS = { ACKED: 'acked', PROCESSED: 'processed', REJECTED: 'rejected' } as const
registerEnumType(VOTE_STATUS, {
  name: 'VoteStatus',
  description: 'What became of a vote.',
  valuesConfig: {
    ACKED: { description: 'Durably written; it will be counted or rejected.' },
    PROCESSED: { description: 'Counted.' },
    REJECTED: { description: 'Written, and does not count.' },
  },
})

const REJECTED_REASON = 'The vote came after the end of voting, or was found not to be genuine.'

@ObjectType({ description: "A user's vote in an event. Only its voter can see it." })
export class Vote {
  @Field(() => ID, {
    description: 'What a status is asked for with. The same for every try of a voter in an event.',
  })
  readonly id: string

  @Field(() => VOTE_STATUS, { description: 'What became of it so far.' })
  readonly status: VoteStatus

  @Field(() => String, { nullable: true, description: 'Why it does not count, where it is rejected.' })
  readonly reason: string | null

  @Field(() => Event, { description: 'Where it was cast.' })
  readonly event: Event

  constructor(id: string, status: VoteStatus, event: Event) {
    this.id = id
    this.status = status
    this.reason = status === 'rejected' ? REJECTED_REASON : null
    this.event = event
  }
}

@InputType({ description: 'What a client tells of itself. It is kept with the vote.' })
export class VoteMetaInput {
  @Field(() => String, { nullable: true, description: 'The device. Up to 200 characters.' })
  readonly deviceId?: string | null

  @Field(() => String, { nullable: true, description: "The application's version. Up to 100 characters." })
  readonly appVersion?: string | null
}

@InputType({ description: "A vote. The voter is the token's user." })
export class SubmitVoteInput {
  @Field(() => ID, { description: 'The event.' })
  readonly eventId!: string

  @Field(() => ID, { description: 'A contestant of that event.' })
  readonly contestantId!: string

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "The client's clock, from 1970 to 2199. It is kept with the vote.",
  })
  readonly clientTimestamp?: Date | null

  @Field(() => VoteMetaInput, { nullable: true, description: 'What the client tells of itself.' })
  readonly meta?: VoteMetaInput | null
}
