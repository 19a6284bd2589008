import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from '@votestream/schema/errors'
import type { CrossOrigin } from '../cross-origin.js'
import type { FormCheck } from '../request-form.js'
import type { TokenBucket } from '../token-bucket.js'
import { socketPaths } from './socket-routes.js'

/** Why a socket is not opened. */
export interface UpgradeRefusal {
  readonly code: ErrorCode
  readonly retryAfterSeconds?: number
}

interface UpgradesOptions {
  readonly formFault: FormCheck
  readonly stages: readonly string[]
  readonly crossOrigin: Pick<CrossOrigin, 'mayConnect'>
  /** Of new sockets. */
  readonly rate: TokenBucket
  readonly stopping: () => boolean
}

/** Whoever may not open a socket takes nothing from the rate of those who may. */
export const createUpgradeCheck = ({
  formFault,
  stages,
  crossOrigin,
  rate,
  stopping,
}: UpgradesOptions): ((request: IncomingMessage) => UpgradeRefusal | undefined) => {
  const paths = socketPaths(stages)
  return (request) => {
    const { headers, url = '' } = request
    const fault = formFault(request)
    if (fault) return { code: fault }
    // Other protocols are not spoken here, on no path. What comes behind the head is frames, and no body.
    const isSocket = headers.upgrade?.toLowerCase() === 'websocket'
    if (!isSocket || hasBody(headers)) return { code: 'INVALID_REQUEST' }
    if (!paths.has(url.split('?', 1)[0] ?? '')) return { code: 'ROUTE_NOT_FOUND' }
    if (!crossOrigin.mayConnect(headers)) return { code: 'ORIGIN_NOT_ALLOWED' }
    if (stopping()) return { code: 'OVERLOADED' }
    const waitMs = rate.take(performance.now())
    return waitMs > 0 ? { code: 'RATE_LIMITED', retryAfterSeconds: Math.ceil(waitMs / 1_000) } : undefined
  }
}

const hasBody = (headers: IncomingMessage['headers']): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
