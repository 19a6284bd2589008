import type { ErrorCode } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'
import { NO_REQUEST_METRICS, type RequestMetrics } from './request-metrics.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** What its client was told instead of what it asked for. */
    failure: ErrorCode | undefined
  }
}

/**
 * Counts what goes through the router once it was answered; what is followed, once it ends. GraphQL counts by itself: it
 * knows which operations a request was for.
 */
export const countRequests = (app: FastifyInstance, metrics: RequestMetrics = NO_REQUEST_METRICS): void => {
  app.decorateRequest('failure', undefined)
  app.addHook('onResponse', (request, _reply, next) => {
    const { operation = 'none' } = request.routeOptions.config
    const { failure = 'OK' } = request
    if (operation !== 'graphql') metrics.count('rest', operation, failure)
    if (operation === 'submitVote' && failure === 'OK') {
      metrics.acknowledged('rest', request.deadline.beganAtMs, request.headers.traceparent)
    }
    next()
  })
}
