import type { IncomingHttpHeaders } from 'node:http'
import { ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled'
import { fastifyApolloHandler } from '@as-integrations/fastify'
import type { Logger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyError, FastifyInstance } from 'fastify'
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql'
import Negotiator from 'negotiator'
import { REQUEST_TIMEOUT_MS } from '../connections.js'
import { toVotestreamError } from '../problems.js'
import { ANSWER_TYPES } from './answer-types.js'
import type { GraphqlContext } from './context.js'
import { DOCUMENT_LENGTH_MAX, documentLimits, TOKENS_MAX } from './document-limits.js'
import { GRAPHQL_PATH } from './graphql-path.js'
import type { KnownOperations } from './known-operations.js'
import { requestError } from './request-context.js'
import { variableFaults } from './variable-faults.js'

export interface ApolloOptions {
  readonly schema: GraphQLSchema
  readonly introspection: boolean
  readonly formatError: (error: unknown) => GraphQLFormattedError
  readonly contextOf: (headers: IncomingHttpHeaders) => GraphqlContext
  readonly known: Pick<KnownOperations, 'learn'>
  readonly logger: Logger
}

/** GraphQL over HTTP: queries and mutations by POST, queries by GET too. */
export const addApollo = async (app: FastifyInstance, options: ApolloOptions): Promise<void> => {
  const { formatError, contextOf, logger } = options
  const apollo = createApollo(options)
  await apollo.start()
  // Fastify has answered what had arrived before it closes its plugins.
  app.addHook('onClose', () => apollo.stop())
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const told = toVotestreamError(isBadHost(error) ? new VotestreamError('INVALID_REQUEST') : error)
    if (told.retryAfterSeconds !== undefined) void reply.header('retry-after', told.retryAfterSeconds)
    void reply.code(told.status).type('application/json; charset=utf-8')
    return reply.send({ errors: [formatError(told)] })
  })
  app.route({
    method: ['GET', 'POST'],
    url: GRAPHQL_PATH,
    config: { operation: 'graphql' },
    exposeHeadRoute: false,
    handlerTimeout: REQUEST_TIMEOUT_MS,
    schema: { hide: true },
    handler: fastifyApolloHandler(apollo, {
      context: async (request) => {
        refuseLongDocument(request.body)
        refuseUnacceptable(request.headers)
        return contextOf(request.headers)
      },
    }),
  })
  logger.debug({ path: GRAPHQL_PATH }, 'GraphQL over HTTP')
}

const createApollo = ({
  schema,
  introspection,
  formatError,
  known,
}: ApolloOptions): ApolloServer<GraphqlContext> =>
  new ApolloServer<GraphqlContext>({
    schema,
    introspection,
    hideSchemaDetailsFromClientErrors: !introspection,
    includeStacktraceInErrorResponses: false,
    // Bounded: persisted queries beyond it are asked for again.
    cache: 'bounded',
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    // The process's own life decides when it ends.
    stopOnTerminationSignals: false,
    nodeEnv: 'production',
    parseOptions: { maxTokens: TOKENS_MAX },
    validationRules: [documentLimits],
    formatError: (_formatted, error) => formatError(error),
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      requestChecks(known),
    ],
  })

const requestChecks = (known: ApolloOptions['known']): ApolloServerPlugin<GraphqlContext> => ({
  async requestDidStart() {
    return {
      async didResolveOperation({ operation, source, document, request }) {
        if (operation?.operation !== 'subscription') {
          known.learn(source, request.operationName, document)
          return
        }
        throw new GraphQLError('Subscriptions come over a WebSocket at the same path.', {
          extensions: { code: 'BAD_REQUEST', http: { status: 400, headers: new HeaderMap() } },
        })
      },
      /** Names the variables that are of a wrong type. */
      async didEncounterErrors({ errors, schema, operation, request }) {
        for (const error of errors) {
          if (error.extensions.code !== 'BAD_USER_INPUT' || !operation) continue
          error.extensions.fields = variableFaults(schema, operation, request.variables ?? {})
        }
      },
    }
  },
})

/** In a URL there is no room for a long one. */
const refuseLongDocument = (body: unknown): void => {
  // The library looks at the body's types later.
  const { query } = (body ?? {}) as { query?: unknown }
  if (typeof query !== 'string' || query.length <= DOCUMENT_LENGTH_MAX) return
  throw requestError(new VotestreamError('PAYLOAD_TOO_LARGE'))
}

/** Before anything is executed: the library finds out only when it has an answer that nobody accepts. */
const refuseUnacceptable = ({ accept }: IncomingHttpHeaders): void => {
  if (accept === undefined || new Negotiator({ headers: { accept } }).mediaType(ANSWER_TYPES)) return
  const message = `None of these types is accepted: ${ANSWER_TYPES.join(', ')}.`
  throw new GraphQLError(message, {
    extensions: { code: 'BAD_REQUEST', http: { status: 406, headers: new HeaderMap() } },
  })
}

/** The integration makes a URL of the Host header, which may hold anything. */
const isBadHost = (error: Error & { code?: string }): boolean => error.code === 'ERR_INVALID_URL'
