import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server'
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled'
import { fastifyApolloHandler } from '@as-integrations/fastify'
import type { Logger } from '@votestream/infra/logging'
import type { OpenSpan } from '@votestream/infra/telemetry/tracing'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import { GraphQLError, type GraphQLSchema } from 'graphql'
import Negotiator from 'negotiator'
import { comeAgainFields } from '../admission/rate-limit-fields.js'
import type { Caller } from '../caller.js'
import type { Deadline } from '../deadlines.js'
import { toVotestreamError } from '../problems.js'
import type { RequestMetrics } from '../request-metrics.js'
import type { Traced } from '../request-trace.js'
import { ANSWER_TYPES, JSON_TYPE } from './answer-types.js'
import type { GraphqlContext } from './context.js'
import { DOCUMENT_LENGTH_MAX, type DocumentLimits, limitDocuments } from './document-limits.js'
import { shapeFault } from './document-shape.js'
import type { Entries, Entry } from './entries.js'
import { errorCodeOf, type FormatError } from './graphql-errors.js'
import { GRAPHQL_PATH } from './graphql-path.js'
import type { KnownOperations } from './known-operations.js'
import { operationCost } from './operation-cost.js'
import { answerTypeOf } from './operation-door.js'
import { beginOperation, endOperation } from './operation-traces.js'
import { type AskingRequest, askedOf, refuseUnregistered, registeredTexts } from './registered-requests.js'
import { requestError } from './request-context.js'
import { refuseUnknownFields } from './request-fields.js'
import type { Safelist } from './safelist.js'
import { subscriptionFault } from './validation-faults.js'
import { variableFaults } from './variable-faults.js'

export interface ApolloOptions {
  readonly schema: GraphQLSchema
  readonly introspection: boolean
  readonly documentLimits: DocumentLimits
  readonly formatError: FormatError
  readonly entries: Entries
  readonly contextOf: (
    request: IncomingMessage,
    caller: Caller | undefined,
    deadline: Deadline,
    trace: OpenSpan | undefined,
  ) => GraphqlContext
  readonly known: Pick<KnownOperations, 'learn'>
  /** Undefined: any operation runs. */
  readonly safelist: Safelist | undefined
  readonly metrics: Pick<RequestMetrics, 'acknowledged'>
  readonly logger: Logger
}

/** GraphQL over HTTP: queries and mutations by POST, queries by GET too. */
export const addApollo = async (app: FastifyInstance, options: ApolloOptions): Promise<void> => {
  const { formatError, entries, contextOf, logger } = options
  const apollo = createApollo(options)
  await apollo.start()
  // Fastify has answered what had arrived before it closes its plugins.
  app.addHook('onClose', () => apollo.stop())
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const told = toVotestreamError(isBadHost(error) ? new VotestreamError('INVALID_REQUEST') : error)
    void reply.code(told.status).headers(comeAgainFields(told))
    void reply.type(`${answerTypeOf(request.headers) ?? JSON_TYPE}; charset=utf-8`)
    return reply.send(`${JSON.stringify({ errors: [formatError(told, tracedOf(request))] })}\n`)
  })
  const contexts = new WeakMap<IncomingMessage, GraphqlContext>()
  app.route({
    method: ['GET', 'POST'],
    url: GRAPHQL_PATH,
    exposeHeadRoute: false,
    schema: { hide: true },
    config: { operation: 'graphql', admission: 'own' },
    onRequest(request, _reply, next) {
      const admitted = (entry: Entry): void => {
        // Before the body is read. Who is refused for another reason is told in the words of the server's library.
        if ('refusal' in entry && entry.refusal.status === 429) next(entry.refusal)
        else next()
      }
      const entry = entries.of(request.raw)
      if (entry instanceof Promise) entry.then(admitted, next)
      else admitted(entry)
    },
    handler: fastifyApolloHandler(apollo, {
      context: async (request) => {
        refuseLongDocument(request.body)
        refuseUnacceptable(request.headers)
        refuseOtherFields(request.body)
        refuseDocument(options, request)
        if (options.safelist) refuseUnregistered(options.safelist, askedOf(request))
        const entry = await entries.of(request.raw)
        if ('refusal' in entry) throw traced(requestError(entry.refusal), tracedOf(request))
        const settle = (cost: number) => entries.settle(request.raw, cost)
        // Not copied: its loaders are made when they are asked for.
        const trace = request.trace ?? undefined
        const context = contextOf(request.raw, entry.caller, request.deadline, trace)
        contexts.set(request.raw, context)
        return Object.assign(context, { settle })
      },
    }),
    onResponse({ raw, deadline }, _reply, next) {
      const { votes = 0 } = contexts.get(raw)?.acknowledged ?? {}
      for (let vote = 0; vote < votes; vote += 1) {
        options.metrics.acknowledged('graphql', deadline.beganAtMs, raw.headers.traceparent)
      }
      next()
    },
  })
  logger.debug({ path: GRAPHQL_PATH }, 'GraphQL over HTTP')
}

const createApollo = ({
  schema,
  introspection,
  documentLimits,
  formatError,
  known,
  safelist,
}: ApolloOptions): ApolloServer<GraphqlContext> =>
  new ApolloServer<GraphqlContext>({
    schema,
    introspection,
    hideSchemaDetailsFromClientErrors: !introspection,
    includeStacktraceInErrorResponses: false,
    // Bounded: persisted queries beyond it are asked for again.
    cache: 'bounded',
    ...(safelist ? { persistedQueries: { cache: registeredTexts(safelist) } } : {}),
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    // The process's own life decides when it ends.
    stopOnTerminationSignals: false,
    nodeEnv: 'production',
    parseOptions: { maxTokens: documentLimits.tokensMax },
    validationRules: [limitDocuments(documentLimits)],
    formatError: (_formatted, error) => formatError(error, tracesOf.get(error as object)),
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      requestChecks(known, safelist),
    ],
  })

const tracedOf = ({ headers, trace }: Pick<FastifyRequest, 'headers' | 'trace'>): Traced => ({
  traceParent: headers.traceparent,
  trace,
})

/** Of errors that are about to be told: the library asks for their words without saying whose they are. */
const tracesOf = new WeakMap<object, Traced>()

const traced = (error: GraphQLError, { traceParent, trace }: Traced): GraphQLError => {
  tracesOf.set(error, { traceParent, trace })
  return error
}

const requestChecks = (
  known: ApolloOptions['known'],
  safelist: ApolloOptions['safelist'],
): ApolloServerPlugin<GraphqlContext> => ({
  async requestDidStart() {
    let span: OpenSpan | undefined
    return {
      async didResolveOperation({ operation, source, document, request, contextValue }) {
        // Once more, of the text as the library has read it: what runs is what was decided on.
        if (safelist) refuseUnregistered(safelist, { query: source })
        if (operation?.operation !== 'subscription') {
          await settleCost(contextValue, operationCost(document, request.operationName))
          known.learn(source, request.operationName, document)
          span = beginOperation(contextValue, operation)
          return
        }
        throw new GraphQLError('Subscriptions come over a WebSocket at the same path.', {
          extensions: { code: 'BAD_REQUEST', http: { status: 400, headers: new HeaderMap() } },
        })
      },
      /** Names the variables that are of a wrong type. */
      async didEncounterErrors({ errors, schema, operation, request, contextValue }) {
        for (const error of errors) {
          traced(error, contextValue)
          if (error.extensions.code !== 'BAD_USER_INPUT' || !operation) continue
          error.extensions.fields = variableFaults(schema, operation, request.variables ?? {})
        }
      },
      async willSendResponse({ errors }) {
        if (span) endOperation(span, errorCodeOf(errors?.[0]))
      },
    }
  },
})

/** What is refused then has cost one request: it was read and found valid. */
const settleCost = async ({ settle }: GraphqlContext, cost: number): Promise<void> => {
  try {
    await settle?.(cost)
  } catch (error) {
    throw error instanceof VotestreamError ? requestError(error) : error
  }
}

/** In a URL there is no room for a long one. */
const refuseLongDocument = (body: unknown): void => {
  // The library looks at the body's types later.
  const { query } = (body ?? {}) as { query?: unknown }
  if (typeof query !== 'string' || query.length <= DOCUMENT_LENGTH_MAX) return
  throw requestError(new VotestreamError('PAYLOAD_TOO_LARGE'))
}

const refuseOtherFields = (body: unknown): void => {
  try {
    refuseUnknownFields(body)
  } catch (error) {
    throw error instanceof VotestreamError ? requestError(error) : error
  }
}

/** Before anything is executed: the library finds out only when it has an answer that nobody accepts. */
const refuseUnacceptable = ({ accept }: IncomingHttpHeaders): void => {
  if (accept === undefined || new Negotiator({ headers: { accept } }).mediaType(ANSWER_TYPES)) return
  const message = `None of these types is accepted: ${ANSWER_TYPES.join(', ')}.`
  throw new GraphQLError(message, {
    extensions: { code: 'BAD_REQUEST', http: { status: 406, headers: new HeaderMap() } },
  })
}

/** What the library would fail at, so that every client was told of a fault of ours. */
const refuseDocument = (
  { schema, documentLimits }: Pick<ApolloOptions, 'schema' | 'documentLimits'>,
  request: AskingRequest,
): void => {
  // As the library reads it, which decodes an address otherwise than the router does.
  const { query: text } = askedOf(request)
  if (typeof text !== 'string') return
  const { tokensMax } = documentLimits
  const shape = shapeFault(text, tokensMax)
  if (shape !== undefined) throw documentError('GRAPHQL_PARSE_FAILED', shape)
  const fault = subscriptionFault(schema, text, tokensMax)
  if (fault) throw documentError('GRAPHQL_VALIDATION_FAILED', fault.message)
}

const documentError = (code: string, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code, http: { status: 400, headers: new HeaderMap() } } })

/** The integration makes a URL of the Host header, which may hold anything. */
const isBadHost = (error: Error & { code?: string }): boolean => error.code === 'ERR_INVALID_URL'
