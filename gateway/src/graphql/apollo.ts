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
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema } from 'graphql'
import { bearerToken } from '../bearer-token.js'
import type { Caller } from '../caller.js'
import { REQUEST_TIMEOUT_MS } from '../connections.js'
import { toVotestreamError } from '../problems.js'
import type { Tokens } from '../tokens.js'
import type { GraphqlContext, Incoming } from './context.js'
import { DOCUMENT_LENGTH_MAX, documentLimits, TOKENS_MAX } from './document-limits.js'
import { variableFaults } from './variable-faults.js'

export const GRAPHQL_PATH = '/graphql'

export interface ApolloOptions {
  readonly schema: GraphQLSchema
  readonly introspection: boolean
  readonly tokens: Pick<Tokens, 'verify'>
  readonly formatError: (error: unknown) => GraphQLFormattedError
  readonly createContext: (incoming: Incoming) => GraphqlContext
  readonly logger: Logger
}

/** GraphQL over HTTP: queries and mutations by POST, queries by GET too. */
export const addApollo = async (app: FastifyInstance, options: ApolloOptions): Promise<void> => {
  const { formatError, createContext, tokens, logger } = options
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
    exposeHeadRoute: false,
    handlerTimeout: REQUEST_TIMEOUT_MS,
    schema: { hide: true },
    handler: fastifyApolloHandler(apollo, {
      context: async (request) => {
        refuseLongDocument(request.body)
        const { authorization, 'idempotency-key': idempotencyKey, traceparent: traceParent } = request.headers
        return createContext({ caller: callerOf(tokens, authorization), idempotencyKey, traceParent })
      },
    }),
  })
  logger.debug({ path: GRAPHQL_PATH }, 'GraphQL over HTTP')
}

const createApollo = ({ schema, introspection, formatError }: ApolloOptions): ApolloServer<GraphqlContext> =>
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
      requestChecks,
    ],
  })

const requestChecks: ApolloServerPlugin<GraphqlContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ operation }) {
        if (operation?.operation !== 'subscription') return
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
}

/** In a URL there is no room for a long one. */
const refuseLongDocument = (body: unknown): void => {
  // The library looks at the body's types later.
  const { query } = (body ?? {}) as { query?: unknown }
  if (typeof query !== 'string' || query.length <= DOCUMENT_LENGTH_MAX) return
  throw requestError(new VotestreamError('PAYLOAD_TOO_LARGE'))
}

/** Undefined without a token. A token that is not valid ends the request, whatever it asks for. */
const callerOf = (
  tokens: ApolloOptions['tokens'],
  authorization: FastifyRequest['headers']['authorization'],
): Caller | undefined => {
  if (authorization === undefined) return undefined
  try {
    return tokens.verify(bearerToken(authorization))
  } catch (error) {
    throw error instanceof VotestreamError ? requestError(error) : error
  }
}

/** An error that ends a request before its operation runs, with its HTTP status. */
const requestError = (error: VotestreamError): GraphQLError => {
  const headers = new HeaderMap(error.status === 401 ? [['www-authenticate', 'Bearer']] : [])
  const http = { status: error.status, headers }
  return new GraphQLError(error.message, { originalError: error, extensions: { code: error.code, http } })
}

/** The integration makes a URL of the Host header, which may hold anything. */
const isBadHost = (error: Error & { code?: string }): boolean => error.code === 'ERR_INVALID_URL'
