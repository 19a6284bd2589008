import type { Verdict } from '@votestream/schema/votes'
import { Field, ID, InputType, ObjectType, registerEnumType } from 'type-graphql'
import { Event } from './event-types.js'

export const VERDICT_NAMES = { REJECT: 'reject', ADMIT: 'admit' } as const
registerEnumType(VERDICT_NAMES, {
  name: 'Verdict',
  description: 'What an operator says of a vote.',
  valuesConfig: {
    REJECT: { description: 'It does not count.' },
    ADMIT: { description: 'It counts.' },
  },
})

@ObjectType({ description: "An operator's word on a vote. The last one stands." })
export class Decision {
  @Field(() => ID, { description: 'The vote.' })
  readonly voteId: string

  @Field(() => VERDICT_NAMES, { description: 'What stands now.' })
  readonly verdict: Verdict

  @Field(() => Event, { description: 'Where the vote was cast.' })
  readonly event: Event

  constructor(voteId: string, verdict: Verdict, event: Event) {
    this.voteId = voteId
    this.verdict = verdict
    this.event = event
  }
}

@InputType({ description: "An operator's word on a vote." })
export class DecideVoteInput {
  @Field(() => ID, { description: 'The vote.' })
  readonly voteId!: string

  @Field(() => VERDICT_NAMES, { description: 'Whether it counts.' })
  readonly verdict!: Verdict
}
