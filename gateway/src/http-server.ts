import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { Logger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify'
import type { Admission } from './admission/admission.js'
import type { ClientAddresses } from './client-address.js'
import { type ConnectionCounts, createConnections, refuseConnection } from './connections.js'
import { answerPreflights, type CrossOrigin, createCrossOrigin } from './cross-origin.js'
import { createDeadlines } from './deadlines.js'
import { createDoors, type Door } from './doors.js'
import { HTTP_LIMITS, type HttpLimits } from './http-limits.js'
import { addJsonParser } from './json-body.js'
import { createKnownPaths, type KnownPaths } from './known-paths.js'
import { nameOperation, watchRoutes } from './policy-routes.js'
import { type ProblemAnswer, problemAnswer, toVotestreamError } from './problems.js'
import { countRequests } from './request-counting.js'
import { timeRequests } from './request-deadlines.js'
import { logFailure } from './request-failures.js'
import { createFormCheck } from './request-form.js'
import { type LoggedRequest, NO_REQUEST_LOG, pathOf, type RequestLog, requestFields } from './request-log.js'
import type { RequestMetrics } from './request-metrics.js'
import type { RequestSpan } from './request-trace.js'
import { NO_REQUEST_TRACES, noteCode, type RequestTraces, traceRequests } from './request-traces.js'
import { boundResponses } from './response-size.js'
import { OPENAPI } from './rest/openapi-document.js'
import { type RestDeps, restRoutes } from './rest/routes.js'
import { createSubmitVote } from './rest/submit-vote.js'
import { createVoteDoor } from './rest/vote-door.js'
import { NO_SECURITY_EVENTS, noteRefusal, type SecurityEvents } from './security-events.js'
import { ANSWER_HEADERS, DOCUMENTS_POLICY, pageHeaders, transportHeaders } from './security-headers.js'
import type { TlsFiles } from './tls-files.js'

export interface HttpServerOptions extends RestDeps {
  readonly admission: Pick<Admission, 'enter' | 'enterOpen' | 'visit'>
  readonly logger: Logger
  /** By default there is none. */
  readonly requestLog?: RequestLog
  readonly security?: SecurityEvents | undefined
  readonly requestMetrics?: RequestMetrics | undefined
  readonly connectionCounts?: ConnectionCounts | undefined
  /** What is missing for the gateway to do its work; empty when it is ready. */
  readonly missing: () => string[]
  readonly limits?: Partial<HttpLimits>
  readonly traces?: RequestTraces
  /** By default pages of other hosts may call nothing. */
  readonly crossOrigin?: CrossOrigin
  readonly tls?: TlsFiles | undefined
  /** For so long browsers come by TLS alone; undefined: nothing is said of it. */
  readonly hstsSeconds?: number | undefined
  /** Whose word on where a request comes from is taken. */
  readonly trustProxy?: ClientAddresses['trust']
  /** In front of the routes of the plugins. */
  readonly doors?: readonly Door[]
  /** Whatever stands beside REST on this port; each in a context of its own. */
  readonly plugins?: readonly FastifyPluginAsync[]
}

/** The public port, ready to listen. */
export const createHttpServer = async (options: HttpServerOptions): Promise<FastifyInstance> => {
  const {
    logger,
    missing,
    crossOrigin = createCrossOrigin([]),
    tls,
    hstsSeconds,
    doors = [],
    plugins = [],
    trustProxy,
    security = NO_SECURITY_EVENTS,
    traces = NO_REQUEST_TRACES,
    requestMetrics: metrics,
    requestLog = NO_REQUEST_LOG,
    ...deps
  } = options
  const limits = { ...HTTP_LIMITS, ...options.limits }
  const answerHeaders = { ...ANSWER_HEADERS, ...transportHeaders(hstsSeconds) }
  const answerTo = (error: unknown, request: LoggedRequest, trace?: RequestSpan): ProblemAnswer => {
    const told = toVotestreamError(error)
    noteRefusal(security, told, () => ({ operation: pathOf(request.url ?? '') }))
    logFailure(logger, told, 'request', () => requestFields(request, trace))
    return problemAnswer(told)
  }
  const answer = (error: unknown, reply: FastifyReply): void => {
    const { code, status, headers, body } = answerTo(error, reply.request.raw, reply.request.trace)
    reply.request.failure = code
    if (reply.request.trace) noteCode(reply.request.trace, code)
    // What was already said of an answer that is not given does not count, such as how long to keep it.
    void reply
      .code(status)
      .headers({ ...answerHeaders, ...headers })
      .send(body)
  }
  const submitVote = createSubmitVote(deps)
  let closing = false
  const deadlines = createDeadlines(limits.requestTimeoutMs)
  const voteDoor = createVoteDoor({ admission: deps.admission, submitVote, answerTo, traces, metrics })
  const app = fastify({
    // Fastify's own log would cost listeners on every request; what matters is logged where it happens.
    logger: false,
    bodyLimit: limits.requestBytesMax,
    routerOptions: { maxParamLength: 10_240 },
    serverFactory: (route) => {
      const doorsAndRoutes = createDoors({
        doors: [voteDoor, ...doors],
        route,
        closing: () => closing,
        deadlines,
        requestLog,
        responseBytesMax: limits.responseBytesMax,
        answerHeaders,
        crossOrigin,
      })
      const handler = answerPreflights(crossOrigin, answerHeaders, doorsAndRoutes)
      const formFault = createFormCheck(limits.headerBytesMax)
      return createConnections({ handler, limits, formFault, tls, counts: options.connectionCounts })
    },
    ...(trustProxy ? { trustProxy } : {}),
    // What still arrives on open connections while the server stops is answered like anything else; the framework's
    // own refusal would be no problem document.
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => {
      void reply.headers(crossOrigin.headersFor(request.headers.origin))
      answer(error, reply as FastifyReply)
    },
  })
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onClose', async () => deadlines.stop())
  app.addHook('onRequest', (request, reply, next) => {
    void reply.headers({ ...answerHeaders, ...crossOrigin.headersFor(request.headers.origin) })
    next()
  })
  traceRequests(app, traces)
  countRequests(app, metrics)
  timeRequests(app, deadlines, requestLog)
  boundResponses(app, limits.responseBytesMax)
  addJsonParser(app)
  app.setErrorHandler((error: FastifyError, _request, reply) => answer(error, reply))

  addAdmission(app, deps.admission)
  app.decorate('namedRoutes', watchRoutes(app))
  const methods = createKnownPaths()
  app.addHook('onRoute', ({ url, method }) => methods.add(url, method))
  addNotFound(app, methods)
  app.get('/healthz', UNLIMITED, (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/readyz', UNLIMITED, (_request, reply) => {
    const parts = missing()
    reply.code(parts.length === 0 ? 200 : 503).type('text/plain')
    return reply.send(parts.length === 0 ? 'ready\n' : `not ready: ${parts.join(', ')}\n`)
  })
  await addDocuments(app)
  await app.register(restRoutes({ ...deps, submitVote }))
  for (const plugin of plugins) await app.register(plugin)
  await app.ready()
  return app
}

/**
 * Whoever spreads the clients asks them often, from few addresses. A gateway that refused to say that it lives would be taken
 * for dead, and its load given to the others, just when there is too much of it.
 */
const UNLIMITED = { schema: { hide: true }, config: { admission: 'none', operation: 'health' } } as const

/** Of everything that does not admit its requests by itself, what is not there included. */
const addAdmission = (app: FastifyInstance, admission: Pick<Admission, 'visit'>): void => {
  app.addHook('onRequest', (request, _reply, next) => {
    if (request.routeOptions.config.admission !== undefined) {
      next()
      return
    }
    try {
      admission.visit(request.raw, 'rest')
    } catch (error) {
      next(error as Error)
      return
    }
    next()
  })
}

const addDocuments = async (app: FastifyInstance): Promise<void> => {
  await app.register(swagger, OPENAPI)
  await app.register(async (child) => {
    nameOperation(child, 'documents')
    await child.register(swaggerUi, {
      routePrefix: '/v1/docs',
      staticCSP: pageHeaders(DOCUMENTS_POLICY)['content-security-policy'] ?? '',
      validatorUrl: false,
    })
    child.get('/v1/openapi.json', { schema: { hide: true } }, () => app.swagger())
  })
}

/** In a context of its own: its hook refuses before a body is read, and runs for nothing else. */
const addNotFound = (app: FastifyInstance, paths: KnownPaths): void => {
  void app.register((child, _options, done) => {
    const refuse = ({ url, method }: FastifyRequest, reply: FastifyReply): VotestreamError => {
      const methods = paths.methodsOf(url)
      if (methods.length === 0 || methods.includes(method)) return new VotestreamError('ROUTE_NOT_FOUND')
      void reply.header('allow', methods.join(', '))
      return new VotestreamError('METHOD_NOT_ALLOWED')
    }
    child.addHook('onRequest', (request, reply, next) => next(refuse(request, reply)))
    child.setNotFoundHandler((request, reply) => {
      throw refuse(request, reply)
    })
    done()
  })
}
