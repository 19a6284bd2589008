import type { IncomingMessage } from 'node:http'
import type { Logger } from '@votestream/infra/logging'
import { type RequestSpan, traceFields } from './request-trace.js'

export type LoggedRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'>

export interface RequestLog {
  /**
   * Called for every request that was answered.
   * @param beganAtMs on the clock of `performance.now()`
   */
  answered(request: LoggedRequest, status: number, beganAtMs: number): void
}

export interface RequestLogOptions {
  readonly logger: Logger
  /** The share of requests of which there is a line, from 0 to 1. */
  readonly ratio: number
  /** Requests that take longer always have a line. */
  readonly slowMs: number
  readonly random?: () => number
  readonly now?: () => number
}

export const NO_REQUEST_LOG: RequestLog = { answered: () => undefined }

/** Most requests are not told of, and cost a look at the clock and two comparisons; failures are told of where they happen. */
export const createRequestLog = ({
  logger,
  ratio,
  slowMs,
  random = Math.random,
  now = () => performance.now(),
}: RequestLogOptions): RequestLog => ({
  answered(request, status, beganAtMs) {
    const tookMs = now() - beganAtMs
    if (tookMs >= slowMs) logger.warn(answerFields(request, status, tookMs), 'a request was slow')
    else if (ratio > 0 && random() < ratio) logger.info(answerFields(request, status, tookMs), 'a request')
  },
})

const NANOSECONDS = 1_000_000

const answerFields = (request: LoggedRequest, status: number, tookMs: number): Record<string, unknown> => ({
  ...requestFields(request),
  'http.response.status_code': status,
  'event.duration': Math.round(tookMs * NANOSECONDS),
  'event.outcome': status < 400 ? 'success' : 'failure',
})

const PATH_MAX = 200

/** Neither who asks nor from where; and what follows the path may be anybody's secret. */
export const requestFields = (
  { method, url = '', headers }: LoggedRequest,
  trace?: RequestSpan,
): Record<string, unknown> => ({
  'http.request.method': method,
  'url.path': pathOf(url),
  ...traceFields({ traceParent: headers.traceparent, trace }),
})

export const pathOf = (url: string): string => (url.split('?', 1)[0] ?? '').slice(0, PATH_MAX)
