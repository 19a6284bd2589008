import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { formatFor } from './metrics/exposition.js'
import { familiesOf, type MetricSource } from './metrics/families.js'

export interface HealthServer {
  readonly host: string
  readonly port: number
  stop(): Promise<void>
}

/** Answers by itself, whatever happens. */
export type PrivateRoute = (request: IncomingMessage, response: ServerResponse) => unknown

/** By path, without what follows a question mark. */
export type PrivateRoutes = ReadonlyMap<string, PrivateRoute>

interface HealthServerOptions {
  readonly port: number
  readonly host?: string
  readonly registry: MetricSource
  /** What is missing for the service to do its work; empty when it is ready. */
  readonly missing: () => string[]
  /** Whatever else is offered there. */
  readonly routes?: PrivateRoutes
}

/** How often the event loop's delay is looked at, and so the least that it is told as: each look costs an idle process about 70 µs. */
export const LOOP_DELAY_EVERY_MS = 100

const HEADERS = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }
/** For a request to arrive. */
const TIMEOUT_MS = 10_000

/** Gauges of the library whose names end as only a counter's may. They are the sums of others. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** A registry with the process's own figures. */
export const createMetrics = (): Registry => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_DELAY_EVERY_MS })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry
}

/** The private port: `/healthz` (the process lives), `/readyz` (it can work), `/metrics`. */
export const startHealthServer = async ({
  port,
  host = '127.0.0.1',
  registry,
  missing,
  routes = new Map(),
}: HealthServerOptions): Promise<HealthServer> => {
  const server = createServer(
    { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
    (request, response) => {
      const [path = ''] = (request.url ?? '').split('?', 1)
      const route = routes.get(path)
      if (route) {
        for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
        return void route(request, response)
      }
      const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
        response.writeHead(status, { ...HEADERS, 'content-type': type }).end(body)
      }
      switch (request.url) {
        case '/healthz':
          return answer(200, 'ok\n')
        case '/readyz': {
          const parts = missing()
          return parts.length === 0 ? answer(200, 'ready\n') : answer(503, `not ready: ${parts.join(', ')}\n`)
        }
        case '/metrics': {
          const { contentType, write } = formatFor(request.headers.accept)
          return void familiesOf(registry).then(
            (families) => answer(200, write(families), contentType),
            () => answer(500, 'metrics failed\n'),
          )
        }
        default:
          return answer(404, 'nothing here\n')
      }
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  const bound = typeof address === 'object' && address ? address : { address: host, port }
  return {
    host: bound.address,
    port: bound.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
