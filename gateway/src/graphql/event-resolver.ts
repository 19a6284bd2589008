import { invalidField } from '@votestream/schema/errors'
import type { EventNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { GraphQLSafeInt } from 'graphql-scalars'
import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql'
import type { Events } from '../events.js'
import { requireIds } from '../identifiers.js'
import { LIST_COST } from './answer-budget.js'
import { Contestant } from './contestant-types.js'
import { type GraphqlContext, requireCaller } from './context.js'
import { CreateEventInput, Event, EventConnection, Leaderboard } from './event-types.js'
import { checkEvent } from './input-checks.js'
import { OfOperation } from './of-operation.js'

export interface EventDeps {
  readonly events: Events
  readonly ids: OpaqueIds
  readonly now: () => number
}

const PAGE_DEFAULT = 20
const PAGE_MAX = 100

@Resolver(() => Event)
export class EventResolver {
  readonly #deps: EventDeps

  constructor(deps: EventDeps) {
    this.#deps = deps
  }

  @OfOperation('event')
  @Query(() => Event, { nullable: true, description: 'An event. Scope `results:read`.' })
  async event(
    @Ctx() context: GraphqlContext,
    @Arg('id', () => ID, { description: 'The event.' }) id: string,
  ): Promise<Event> {
    requireCaller(context)
    return this.#view(await context.loaders().events.load(this.#parse('id', id)))
  }

  @OfOperation('events')
  @Query(() => EventConnection, {
    description: 'All events, newest first, without canaries. Scope `results:read`.',
  })
  async events(
    @Ctx() context: GraphqlContext,
    @Arg('first', () => Int, { nullable: true, description: 'How many: 1 to 100, by default 20.' })
    first: number | null | undefined,
    @Arg('after', () => String, { nullable: true, description: 'Go on behind the edge with this cursor.' })
    after: string | null | undefined,
  ): Promise<EventConnection> {
    const caller = requireCaller(context)
    const count = first ?? PAGE_DEFAULT
    if (count < 1 || count > PAGE_MAX) throw invalidField('first', `must be from 1 to ${PAGE_MAX}`)
    context.budget.spend(LIST_COST)
    const before = after == null ? undefined : this.#parse('after', after)
    const { events, more } = await this.#deps.events.list(caller, { before, count })
    return new EventConnection(
      events.map((known) => this.#view(known)),
      more,
      before !== undefined,
    )
  }

  @OfOperation('leaderboard')
  @Query(() => Leaderboard, { nullable: true, description: 'Who leads in an event. Scope `results:read`.' })
  async leaderboard(
    @Ctx() context: GraphqlContext,
    @Arg('eventId', () => ID, { description: 'The event.' }) eventId: string,
  ): Promise<Leaderboard> {
    const caller = requireCaller(context)
    return new Leaderboard(await this.#deps.events.leaderboard(caller, this.#parse('eventId', eventId)))
  }

  @OfOperation('createEvent')
  @Mutation(() => Event, { description: 'Creates an event. Scope `events`.' })
  async createEvent(
    @Ctx() context: GraphqlContext,
    @Arg('input', () => CreateEventInput, { description: 'The new event.' }) input: CreateEventInput,
  ): Promise<Event> {
    const caller = requireCaller(context)
    return this.#view(await this.#deps.events.create(caller, checkEvent(input), context.deadline))
  }

  @OfOperation('closeEvent')
  @Mutation(() => Event, {
    description:
      'Closes an event. Answers when no later vote counts; closing a closed event changes nothing. Scope ' +
      '`events`; only its creator or an admin.',
  })
  async closeEvent(
    @Ctx() context: GraphqlContext,
    @Arg('id', () => ID, { description: 'The event.' }) id: string,
  ): Promise<Event> {
    const caller = requireCaller(context)
    return this.#view(await this.#deps.events.close(caller, this.#parse('id', id), context.deadline))
  }

  @OfOperation('contestants')
  @FieldResolver(() => [Contestant], { description: "In the event's own order. Scope `results:read`." })
  contestants(@Root() event: Event, @Ctx() context: GraphqlContext): Contestant[] {
    context.budget.spend(event.known.record.contestants.length)
    return event.known.record.contestants.map((_, index) => new Contestant(event.known, index))
  }

  @OfOperation('leaderboard')
  @FieldResolver(() => Leaderboard, { name: 'leaderboard', description: 'Who leads. Scope `results:read`.' })
  async ownLeaderboard(@Root() { known }: Event, @Ctx() context: GraphqlContext): Promise<Leaderboard> {
    context.budget.spend(known.record.contestants.length)
    const board = await context.loaders().boards.load(known)
    return new Leaderboard({ event: known, board })
  }

  #view(known: Event['known']): Event {
    return new Event(known, this.#deps.now())
  }

  #parse(field: string, id: string): EventNumber {
    return requireIds({ [field]: this.#deps.ids.parseEventId(id) })[field] as EventNumber
  }
}

@Resolver(() => Contestant)
export class ContestantResolver {
  @FieldResolver(() => GraphQLSafeInt, { description: 'Votes that count.' })
  async totalVotes(@Root() contestant: Contestant, @Ctx() context: GraphqlContext): Promise<number> {
    const { event, index, knownVotes } = contestant
    return knownVotes ?? (await context.loaders().boards.load(event)).totals[index] ?? 0
  }
}
