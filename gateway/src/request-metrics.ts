import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { createHistograms } from '@votestream/infra/metrics/histograms'
import { type ErrorCode, VotestreamError } from '@votestream/schema/errors'
import { Counter, type Registry } from 'prom-client'
import { APIS, type Api } from './admission/limits.js'
import { traceIdOf } from './attempts.js'
import type { Operation } from './policy.js'

/** What GraphQL says of a document that it does not execute. */
export const DOCUMENT_CODES = [
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
] as const
export type DocumentCode = (typeof DOCUMENT_CODES)[number]

/** `connect`: a socket was opened, or not; `none`: a request that names no operation. */
export const OTHER_OPERATIONS = ['connect', 'none'] as const
export type CountedOperation = Operation | (typeof OTHER_OPERATIONS)[number]
export type CountedCode = 'OK' | ErrorCode | DocumentCode

/** What operators see of what clients asked for, and what they were answered. */
export interface RequestMetrics {
  count(api: Api, operation: CountedOperation, code: CountedCode): void
  /**
   * The acknowledgement of a vote is handed to its socket now.
   * @param receivedMs when the request had come, by the monotonic clock
   * @param traceParent as its client sent it
   */
  acknowledged(api: Api, receivedMs: number, traceParent?: string | string[]): void
}

export const NO_REQUEST_METRICS: RequestMetrics = { count: () => undefined, acknowledged: () => undefined }

/** Of the code of whatever was thrown. */
export const codeOf = (error: unknown): ErrorCode =>
  error instanceof VotestreamError ? error.code : 'INTERNAL'

/** Of each API the trace of a vote is read for one in so many milliseconds: an exemplar shows one observation, not all. */
const EXEMPLAR_EVERY_MS = 50

/** Counted in plain numbers, and told when asked: it is on every request's way. */
export const createRequestMetrics = (registry: Registry): RequestMetrics => {
  const counts = new Map(APIS.map((api) => [api, new Map<CountedOperation, Map<CountedCode, number>>()]))
  new Counter({
    registers: [registry],
    name: 'votestream_requests_total',
    help: 'Operations by how they came in, and by what their clients were told: OK or a code of the catalogue of errors. A document of GraphQL counts for each field at its root, and where it was refused as a whole as `graphql`, once for each error told of it; a subscription that is shared counts once for those who share it',
    labelNames: ['api', 'operation', 'code'],
    collect() {
      this.reset()
      for (const [api, operations] of counts)
        for (const [operation, codes] of operations)
          for (const [code, count] of codes) this.inc({ api, operation, code }, count)
    },
  })
  const ingest = createHistograms(
    {
      registry,
      name: 'votestream_ingest_seconds',
      help: 'From a vote’s request having come, its body included, to its acknowledgement being handed to the socket; of accepted votes alone',
      buckets: LATENCY_BUCKETS_SECONDS,
    },
    'api',
    APIS,
  )
  const tracedMs: Record<Api, number> = {
    rest: -EXEMPLAR_EVERY_MS,
    graphql: -EXEMPLAR_EVERY_MS,
    websocket: -EXEMPLAR_EVERY_MS,
  }

  return {
    count(api, operation, code) {
      const operations = counts.get(api)
      let codes = operations?.get(operation)
      if (!codes) {
        codes = new Map()
        operations?.set(operation, codes)
      }
      codes.set(code, (codes.get(code) ?? 0) + 1)
    },
    acknowledged(api, receivedMs, traceParent) {
      const nowMs = performance.now()
      const isDue = traceParent !== undefined && nowMs - tracedMs[api] >= EXEMPLAR_EVERY_MS
      if (isDue) tracedMs[api] = nowMs
      ingest[api].observe((nowMs - receivedMs) / 1_000, isDue ? traceIdOf(traceParent) : '')
    },
  }
}
