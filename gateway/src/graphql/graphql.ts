import type { Logger } from '@votestream/infra/logging'
import type { FastifyInstance } from 'fastify'
import type { ClientAddresses } from '../client-address.js'
import type { Broadcasts } from '../live/broadcasts.js'
import type { LiveConnections } from '../live/open-counts.js'
import type { Results } from '../results.js'
import type { Tokens } from '../tokens.js'
import { createAnswerBudget } from './answer-budget.js'
import { addApollo } from './apollo.js'
import { type GraphqlContext, type Incoming, requireCaller } from './context.js'
import { createErrorFormat } from './graphql-errors.js'
import { createLoaders } from './loaders.js'
import { createSchema, type SchemaDeps } from './schema.js'
import { addSockets, type SocketLimits } from './sockets.js'
import { createSubscriptionSources, type SourceDeps } from './subscription-sources.js'

export type GraphqlOptions = SchemaDeps &
  SourceDeps & {
    readonly results: Pick<Results, 'parts' | 'board'>
    readonly tokens: Pick<Tokens, 'verify'>
    readonly broadcasts: Broadcasts
    readonly sockets: SocketLimits
    readonly connections: LiveConnections
    readonly addressOf: ClientAddresses['of']
    readonly logger: Logger
    /** Whether clients may ask for the schema. */
    readonly introspection: boolean
  }

/** GraphQL beside REST, as a plugin of the public port. */
export const graphqlRoutes =
  (options: GraphqlOptions) =>
  async (app: FastifyInstance): Promise<void> => {
    const { events, results, tokens, logger, introspection, broadcasts, sockets, connections, addressOf } =
      options
    const schema = createSchema(options)
    const formatError = createErrorFormat(logger)
    const sources = createSubscriptionSources(options)
    const createContext = (incoming: Incoming): GraphqlContext => ({
      ...incoming,
      sources,
      budget: createAnswerBudget(),
      loaders: createLoaders({ events, results }, () => requireCaller(incoming)),
    })
    const serving = { schema, introspection, tokens, formatError, createContext, broadcasts, logger }
    await addApollo(app, serving)
    addSockets(app, { ...serving, ...sockets, connections, addressOf })
    // A page for asking for the schema is of no use where nobody may.
    if (introspection) {
      const { addGraphiql } = await import('./graphiql.js')
      addGraphiql(app)
    }
  }
