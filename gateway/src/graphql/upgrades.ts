import type { IncomingMessage } from 'node:http'
import { VotestreamError } from '@votestream/schema/errors'
import type { CrossOrigin } from '../cross-origin.js'
import type { FormCheck } from '../request-form.js'
import type { TokenBucket } from '../token-bucket.js'
import { socketPaths } from './socket-routes.js'

interface UpgradesOptions {
  readonly formFault: FormCheck
  readonly stages: readonly string[]
  readonly crossOrigin: Pick<CrossOrigin, 'mayConnect'>
  /** Of new sockets. */
  readonly rate: TokenBucket
  readonly stopping: () => boolean
}

/** Why a socket is not opened; undefined: it may be. Whoever may not open a socket takes nothing from the rate of those who may. */
export const createUpgradeCheck = ({
  formFault,
  stages,
  crossOrigin,
  rate,
  stopping,
}: UpgradesOptions): ((request: IncomingMessage) => VotestreamError | undefined) => {
  const paths = socketPaths(stages)
  return (request) => {
    const { headers, url = '' } = request
    const fault = formFault(request)
    if (fault) return new VotestreamError(fault)
    // Other protocols are not spoken here, on no path. What comes behind the head is frames, and no body.
    const isSocket = headers.upgrade?.toLowerCase() === 'websocket'
    if (!isSocket || hasBody(headers)) return new VotestreamError('INVALID_REQUEST')
    if (!paths.has(url.split('?', 1)[0] ?? '')) return new VotestreamError('ROUTE_NOT_FOUND')
    if (!crossOrigin.mayConnect(headers)) return new VotestreamError('ORIGIN_NOT_ALLOWED')
    if (stopping()) return new VotestreamError('OVERLOADED', { retryAfterSeconds: 1 })
    const waitMs = rate.take(performance.now())
    if (waitMs <= 0) return undefined
    return new VotestreamError('RATE_LIMITED', { retryAfterSeconds: Math.ceil(waitMs / 1_000) })
  }
}

const hasBody = (headers: IncomingMessage['headers']): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
