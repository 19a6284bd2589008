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
import type { ClientAddresses } from './client-address.js'
import { createConnections, REQUEST_TIMEOUT_MS, refuseConnection } from './connections.js'
import { createDoors, type Door } from './doors.js'
import { addJsonParser } from './json-body.js'
import { createKnownPaths, type KnownPaths } from './known-paths.js'
import { nameOperation, watchRoutes } from './policy-routes.js'
import { type ProblemAnswer, problemAnswer, toVotestreamError } from './problems.js'
import { OPENAPI } from './rest/openapi-document.js'
import { type RestDeps, restRoutes } from './rest/routes.js'
import { createSubmitVote } from './rest/submit-vote.js'
import { createVoteDoor } from './rest/vote-door.js'

export interface HttpServerOptions extends RestDeps {
  readonly logger: Logger
  /** What is missing for the gateway to do its work; empty when it is ready. */
  readonly missing: () => string[]
  readonly handlerTimeoutMs?: number
  /** Whose word on where a request comes from is taken. */
  readonly trustProxy?: ClientAddresses['trust']
  /** In front of the routes of the plugins. */
  readonly doors?: readonly Door[]
  /** Whatever stands beside REST on this port; each in a context of its own. */
  readonly plugins?: readonly FastifyPluginAsync[]
}

const BODY_BYTES_MAX = 10 * 1024 * 1024

/** The public port, ready to listen. */
export const createHttpServer = async (options: HttpServerOptions): Promise<FastifyInstance> => {
  const {
    logger,
    missing,
    handlerTimeoutMs = REQUEST_TIMEOUT_MS,
    doors = [],
    plugins = [],
    trustProxy,
    ...deps
  } = options
  const answerTo = (error: unknown, url: string): ProblemAnswer => {
    const told = toVotestreamError(error)
    // While something is away every request is a 503: a line for each of them would only add to the trouble.
    if (told.status === 503) logger.debug({ err: told, url }, 'a request was put off')
    else if (told.status >= 500) logger.error({ err: told, url }, 'a request failed')
    return problemAnswer(told)
  }
  const answer = (error: unknown, reply: FastifyReply): void => {
    const { status, headers, body } = answerTo(error, reply.request.url)
    void reply.code(status).headers(headers).send(body)
  }
  const submitVote = createSubmitVote(deps)
  let closing = false
  const voteDoor = createVoteDoor({ tokens: deps.tokens, submitVote, answerTo })
  const app = fastify({
    // Fastify's own log would cost listeners on every request; what matters is logged where it happens.
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: 10_240 },
    serverFactory: (route) =>
      createConnections(createDoors({ doors: [voteDoor, ...doors], route, closing: () => closing })),
    ...(trustProxy ? { trustProxy } : {}),
    // What still arrives on open connections while the server stops is answered like anything else; the framework's
    // own refusal would be no problem document.
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _request, reply) => answer(error, reply as FastifyReply),
  })
  app.addHook('preClose', async () => {
    closing = true
  })
  addJsonParser(app)
  app.setErrorHandler((error: FastifyError, _request, reply) => answer(error, reply))

  app.decorate('namedRoutes', watchRoutes(app))
  const methods = createKnownPaths()
  app.addHook('onRoute', ({ url, method }) => methods.add(url, method))
  addNotFound(app, methods)
  const health = { config: { operation: 'health' }, schema: { hide: true } } as const
  app.get('/healthz', health, (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/readyz', health, (_request, reply) => {
    const parts = missing()
    reply.code(parts.length === 0 ? 200 : 503).type('text/plain')
    return reply.send(parts.length === 0 ? 'ready\n' : `not ready: ${parts.join(', ')}\n`)
  })
  await addDocuments(app)
  await app.register(restRoutes({ ...deps, submitVote }, handlerTimeoutMs))
  for (const plugin of plugins) await app.register(plugin)
  await app.ready()
  return app
}

const addDocuments = async (app: FastifyInstance): Promise<void> => {
  await app.register(swagger, OPENAPI)
  await app.register(async (child) => {
    nameOperation(child, 'documents')
    await child.register(swaggerUi, { routePrefix: '/v1/docs', staticCSP: true, validatorUrl: false })
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
