import 'reflect-metadata'
import type { GraphQLObjectType, GraphQLSchema } from 'graphql'
import { GraphQLDateTime } from 'graphql-scalars'
import { buildSchemaSync } from 'type-graphql'
import type { RequestMetrics } from '../request-metrics.js'
import { type AccountDeps, AccountResolver } from './account-resolver.js'
import { type DecisionDeps, DecisionResolver } from './decision-resolver.js'
import { ContestantResolver, type EventDeps, EventResolver } from './event-resolver.js'
import { type LiveDeps, LiveResolver } from './live-resolver.js'
import { guardSchema } from './of-operation.js'
import { type PlanDeps, PlanResolver } from './plan-resolver.js'
import { type RevocationDeps, RevocationResolver } from './revocation-resolver.js'
import { beginInTime } from './timed-fields.js'
import { type TimelineDeps, TimelineResolver } from './timeline-resolver.js'
import { type VoteDeps, VoteResolver } from './vote-resolver.js'

export type SchemaDeps = AccountDeps &
  EventDeps &
  VoteDeps &
  DecisionDeps &
  LiveDeps &
  PlanDeps &
  RevocationDeps &
  TimelineDeps & { readonly requestMetrics?: RequestMetrics | undefined }

/** The schema with its resolvers, which call the same functions as REST. */
export const createSchema = (deps: SchemaDeps): GraphQLSchema => {
  const resolvers = new Map<unknown, object>([
    [AccountResolver, new AccountResolver(deps)],
    [ContestantResolver, new ContestantResolver()],
    [DecisionResolver, new DecisionResolver(deps)],
    [EventResolver, new EventResolver(deps)],
    [LiveResolver, new LiveResolver(deps)],
    [PlanResolver, new PlanResolver(deps)],
    [RevocationResolver, new RevocationResolver(deps)],
    [TimelineResolver, new TimelineResolver(deps)],
    [VoteResolver, new VoteResolver(deps)],
  ])
  const schema = buildSchemaSync({
    resolvers: [
      AccountResolver,
      ContestantResolver,
      DecisionResolver,
      EventResolver,
      LiveResolver,
      PlanResolver,
      RevocationResolver,
      TimelineResolver,
      VoteResolver,
    ],
    container: { get: (resolver) => resolvers.get(resolver) },
    scalarsMap: [{ type: Date, scalar: GraphQLDateTime }],
    // Texts are checked by the rules of text-fields, as REST's are.
    validate: false,
    pubSub: NO_PUB_SUB,
  })
  beginInTime(schema)
  describe(schema.getQueryType(), 'What can be read.')
  describe(schema.getMutationType(), 'What can be done.')
  describe(schema.getSubscriptionType(), 'What can be followed as it changes, over a WebSocket.')
  guardSchema(schema, deps.requestMetrics)
  return schema
}

/** The library has no place for the descriptions of these. */
const describe = (type: GraphQLObjectType | null | undefined, description: string): void => {
  if (type) type.description = description
}

const nobody = (): never => {
  throw new Error('every subscription has a source of its own')
}

/** The library asks for one although nothing publishes through it. */
const NO_PUB_SUB = { publish: nobody, subscribe: nobody }
