import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'
import type { CrossOrigin } from '../cross-origin.js'
import { nameOperation } from '../policy-routes.js'
import { createValidatorCompiler } from '../rest/validation.js'
import { BEACON_BYTES_MAX, type Beacon, beaconBody, type RumSink, record } from './rum-beacon.js'
import type { BeaconResult, RumMetrics } from './rum-metrics.js'

export interface RumOptions {
  readonly metrics: RumMetrics
  readonly crossOrigin: Pick<CrossOrigin, 'mayConnect'>
  /** Whoever else is told what was measured. */
  readonly sinks?: readonly RumSink[]
}

/**
 * Where the live page leaves what it measured. A beacon can carry no token, so anybody may send one: it is admitted as the
 * page is, by address, API and service, and taken from pages that may call, but it is told nothing.
 */
export const rumRoutes =
  ({ metrics, crossOrigin, sinks = [] }: RumOptions) =>
  async (app: FastifyInstance): Promise<void> => {
    nameOperation(app, 'rum')
    app.setValidatorCompiler(createValidatorCompiler())
    app.addHook('onRequest', ({ headers }, _reply, next) =>
      next(crossOrigin.mayConnect(headers) ? undefined : new VotestreamError('ORIGIN_NOT_ALLOWED')),
    )
    app.addHook('onResponse', (_request, { statusCode }, next) => {
      metrics.beacon(resultOf(statusCode))
      next()
    })
    app.post<{ Body: Beacon }>(
      '/rum',
      { bodyLimit: BEACON_BYTES_MAX, schema: { hide: true, body: beaconBody } },
      ({ body }, reply) => {
        record(body, [metrics, ...sinks])
        return reply.code(204).send()
      },
    )
  }

const RESULTS: Readonly<Record<number, BeaconResult>> = {
  204: 'accepted',
  403: 'foreign',
  413: 'too_large',
  429: 'throttled',
}

const resultOf = (status: number): BeaconResult => RESULTS[status] ?? 'invalid'
