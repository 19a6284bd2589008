import type { IncomingHttpHeaders } from 'node:http'
import type { Logger } from '@votestream/infra/logging'
import type { FastifyInstance } from 'fastify'
import type { ClientAddresses } from '../client-address.js'
import type { Door } from '../doors.js'
import type { Broadcasts } from '../live/broadcasts.js'
import type { LiveConnections } from '../live/open-counts.js'
import type { Results } from '../results.js'
import type { Tokens } from '../tokens.js'
import { createAnswerBudget } from './answer-budget.js'
import { addApollo } from './apollo.js'
import { type GraphqlContext, type Incoming, requireCaller } from './context.js'
import { createErrorFormat } from './graphql-errors.js'
import { createKnownOperations } from './known-operations.js'
import { createLoaders, type Loaders } from './loaders.js'
import { createOperationDoor } from './operation-door.js'
import { incomingOf } from './request-context.js'
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

export interface Graphql {
  /** A plugin of the public port. */
  readonly routes: (app: FastifyInstance) => Promise<void>
  readonly door: Door
}

/** GraphQL beside REST. */
export const createGraphql = (options: GraphqlOptions): Graphql => {
  const { tokens, logger, introspection, broadcasts, sockets, connections, addressOf } = options
  const schema = createSchema(options)
  const formatError = createErrorFormat(logger)
  const createContext = createContexts(options)
  const contextOf = (headers: IncomingHttpHeaders): GraphqlContext =>
    createContext(incomingOf(headers, tokens))
  const known = createKnownOperations({ schema, formatError })
  const serving = { schema, introspection, tokens, formatError, createContext, broadcasts, logger }
  return {
    door: createOperationDoor({ known, contextOf }),
    async routes(app) {
      await addApollo(app, { schema, introspection, formatError, contextOf, known, logger })
      addSockets(app, { ...serving, ...sockets, connections, addressOf })
      // A page for asking for the schema is of no use where nobody may.
      if (introspection) {
        const { addGraphiql } = await import('./graphiql.js')
        await app.register(async (child) => addGraphiql(child))
      }
    },
  }
}

const createContexts = (options: GraphqlOptions): ((incoming: Incoming) => GraphqlContext) => {
  const { events, results } = options
  const sources = createSubscriptionSources(options)
  return (incoming) => {
    let loaders: Loaders | undefined
    const { caller, idempotencyKey, traceParent } = incoming
    return {
      caller,
      idempotencyKey,
      traceParent,
      sources,
      budget: createAnswerBudget(),
      // Most mutations read nothing.
      get loaders() {
        loaders ??= createLoaders({ events, results }, () => requireCaller(incoming))
        return loaders
      },
    }
  }
}
