import { GraphQLDateTime, GraphQLSafeInt } from 'graphql-scalars'
import { Field, ID, ObjectType, registerEnumType } from 'type-graphql'
import type { CatalogEvent } from '../event-catalog.js'
import type { WindowVotes } from '../timeline/timelines.js'

export const TALLY_WINDOW = { TEN_SECONDS: 'TEN_SECONDS', MINUTE: 'MINUTE', HOUR: 'HOUR' } as const
registerEnumType(TALLY_WINDOW, {
  name: 'TallyWindow',
  description:
    'How long the windows of a timeline are. They begin at whole multiples of their length, in UTC.',
  valuesConfig: {
    TEN_SECONDS: { description: '10 seconds; kept for an hour.' },
    MINUTE: { description: 'A minute.' },
    HOUR: { description: 'An hour.' },
  },
})

@ObjectType({ description: 'Votes for a contestant in a window of time, by when they were acknowledged.' })
export class WindowTally {
  @Field(() => GraphQLDateTime, { description: 'When the window begins.' })
  readonly start: Date

  @Field(() => ID, { description: 'The contestant.' })
  readonly contestantId: string

  @Field(() => GraphQLSafeInt, { description: 'Votes that count.' })
  readonly votes: number

  constructor(event: CatalogEvent, { startMs, contestant, votes }: WindowVotes) {
    this.start = new Date(startMs)
    this.contestantId = event.contestantIds[contestant] ?? ''
    this.votes = votes
  }
}
