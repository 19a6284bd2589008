import type { IncomingMessage } from 'node:http'
import type { Logger } from '@votestream/infra/logging'
import { NO_TRACING, type OpenSpan, type Tracing } from '@votestream/infra/telemetry/tracing'
import type { FastifyInstance } from 'fastify'
import type { Admission } from '../admission/admission.js'
import type { Api } from '../admission/limits.js'
import type { Caller } from '../caller.js'
import type { ClientAddresses } from '../client-address.js'
import { type CrossOrigin, createCrossOrigin } from '../cross-origin.js'
import { type Deadline, requireTime } from '../deadlines.js'
import type { Door } from '../doors.js'
import { HTTP_LIMITS, type HttpLimits } from '../http-limits.js'
import type { Broadcasts } from '../live/broadcasts.js'
import type { LiveConnections } from '../live/open-counts.js'
import { type CountedCode, NO_REQUEST_METRICS } from '../request-metrics.js'
import { createRequestTraces } from '../request-traces.js'
import type { Results } from '../results.js'
import type { SecurityEvents } from '../security-events.js'
import type { TokenVerifier } from '../tokens.js'
import { createAnswerBudget } from './answer-budget.js'
import { addApollo } from './apollo.js'
import { type GraphqlContext, type Incoming, requireCaller } from './context.js'
import { DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.js'
import { createEntries } from './entries.js'
import { createErrorFormat } from './graphql-errors.js'
import { createKnownOperations } from './known-operations.js'
import { createLoaders, type Loaders } from './loaders.js'
import { createOperationDoor } from './operation-door.js'
import { incomingOf } from './request-context.js'
import type { Safelist } from './safelist.js'
import { createSchema, type SchemaDeps } from './schema.js'
import { addSockets, type SocketLimits } from './sockets.js'
import { createSubscriptionSources, type SourceDeps } from './subscription-sources.js'

export type GraphqlOptions = SchemaDeps &
  SourceDeps & {
    readonly results: Pick<Results, 'parts' | 'board'>
    readonly tokens: TokenVerifier
    readonly admission: Pick<Admission, 'enter' | 'enterFrom' | 'originOf' | 'charge' | 'visit'>
    readonly broadcasts: Broadcasts
    readonly sockets: SocketLimits
    readonly connections: LiveConnections
    readonly addressOf: ClientAddresses['of']
    readonly limits?: Partial<HttpLimits>
    readonly documentLimits?: Partial<DocumentLimits>
    /** By default pages of other hosts may open no socket. */
    readonly crossOrigin?: Pick<CrossOrigin, 'mayConnect'>
    readonly logger: Logger
    readonly security?: SecurityEvents | undefined
    readonly tracing?: Tracing
    /** Whether clients may ask for the schema. */
    readonly introspection: boolean
    /** Undefined: any operation runs. */
    readonly safelist?: Safelist | undefined
  }

export interface Graphql {
  /** A plugin of the public port. */
  readonly routes: (app: FastifyInstance) => Promise<void>
  readonly door: Door
}

/** GraphQL beside REST. */
export const createGraphql = (options: GraphqlOptions): Graphql => {
  const { tokens, admission, logger, security, introspection, broadcasts, sockets, connections, addressOf } =
    options
  const { safelist, crossOrigin = createCrossOrigin([]), tracing = NO_TRACING } = options
  const { requestMetrics = NO_REQUEST_METRICS } = options
  const limits = { ...HTTP_LIMITS, ...options.limits }
  const documentLimits = { ...DOCUMENT_LIMITS, ...options.documentLimits }
  const schema = createSchema(options)
  const formatFor = (api: Api) =>
    createErrorFormat(logger, security, (code: CountedCode) => requestMetrics.count(api, 'graphql', code))
  const formatError = formatFor('graphql')
  const createContext = createContexts(options)
  const contextOf = (
    request: IncomingMessage,
    caller: Caller | undefined,
    deadline: Deadline,
    trace: OpenSpan | undefined,
  ): GraphqlContext =>
    createContext({
      ...incomingOf(request.headers, caller, deadline),
      trace,
      address: () => addressOf(request),
    })
  const entries = createEntries(admission)
  const known = createKnownOperations({ schema, formatError })
  const documents = { schema, introspection, documentLimits, safelist }
  const executing = { ...documents, createContext, tracing, requestMetrics }
  const serving = { ...executing, tokens, admission, broadcasts, logger, formatError: formatFor('websocket') }
  const traces = createRequestTraces(tracing)
  const metrics = requestMetrics
  return {
    door: createOperationDoor({ known, safelist, entries, contextOf, formatError, traces, metrics }),
    async routes(app) {
      await addApollo(app, { ...documents, formatError, entries, contextOf, known, metrics, logger })
      addSockets(app, { ...serving, ...sockets, connections, addressOf, crossOrigin, limits })
      // A page for asking for the schema, and for whatever comes to mind, is of no use where nobody may.
      if (introspection && !safelist) {
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
    const { api = 'graphql', caller, idempotencyKey, traceParent, trace } = incoming
    const { apiKey, deadline, address } = incoming
    return {
      api,
      caller,
      idempotencyKey,
      traceParent,
      trace,
      apiKey,
      deadline,
      address,
      sources,
      acknowledged: { votes: 0 },
      budget: createAnswerBudget(),
      // Most mutations read nothing. No accessor: an object that is written with one has a shape of its own.
      loaders() {
        requireTime(deadline)
        loaders ??= createLoaders({ events, results }, () => requireCaller(incoming))
        return loaders
      },
    }
  }
}
