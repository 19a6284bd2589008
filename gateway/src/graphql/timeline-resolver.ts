import { GraphQLDateTime } from 'graphql-scalars'
import { Arg, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql'
import type { TallyWindow } from '../timeline/timeline-plan.js'
import type { Timelines } from '../timeline/timelines.js'
import { TIMELINE_COST } from './answer-budget.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { Event } from './event-types.js'
import { checkTimes } from './input-checks.js'
import { OfOperation } from './of-operation.js'
import { TALLY_WINDOW, WindowTally } from './timeline-types.js'

export interface TimelineDeps {
  readonly timelines: Timelines
}

@Resolver(() => Event)
export class TimelineResolver {
  readonly #deps: TimelineDeps

  constructor(deps: TimelineDeps) {
    this.#deps = deps
  }

  @OfOperation('timeline')
  @FieldResolver(() => [WindowTally], {
    description:
      'How votes came in: by window, then in the order of the contestants; without votes there is no entry. ' +
      'Scope `results:read`.',
  })
  async timeline(
    @Root() { known }: Event,
    @Ctx() context: GraphqlContext,
    @Arg('window', () => TALLY_WINDOW, { description: 'How long the windows are.' }) window: TallyWindow,
    @Arg('from', () => GraphQLDateTime, { nullable: true, description: 'Windows that end after this time.' })
    from: Date | null | undefined,
    @Arg('to', () => GraphQLDateTime, {
      nullable: true,
      description: 'Windows that begin before this time; without it, before now.',
    })
    to: Date | null | undefined,
    @Arg('last', () => Int, {
      nullable: true,
      description: 'The latest so many of these windows: 1 to 1,000. Without it and `from`, 60.',
    })
    last: number | null | undefined,
  ): Promise<WindowTally[]> {
    const caller = requireCaller(context)
    checkTimes({ from, to })
    context.budget.spend(TIMELINE_COST)
    const request = { window, fromMs: from?.getTime(), toMs: to?.getTime(), last: last ?? undefined }
    const tallies = await this.#deps.timelines.read(caller, known, request, context.deadline)
    return tallies.map((tally) => new WindowTally(known, tally))
  }
}
