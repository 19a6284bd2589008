import type { OpenSpan } from '@votestream/infra/telemetry/tracing'
import { traceIdOf } from './attempts.js'

/** Of a request that is sampled; others have none. */
export type RequestSpan = Pick<OpenSpan, 'context'> | null | undefined

/** What a line of the log belongs to. */
export interface Traced {
  /** As the client sent it. */
  readonly traceParent: string | string[] | undefined
  readonly trace?: RequestSpan
}

/** By the names of the Elastic Common Schema: our own span, or else the client's; nothing where there is neither. */
export const traceFields = ({ traceParent, trace }: Traced = NO_TRACE): Record<string, string> => {
  if (trace) return { 'trace.id': trace.context.traceId, 'span.id': trace.context.spanId }
  const traceId = traceIdOf(traceParent)
  if (traceId === '' || typeof traceParent !== 'string') return {}
  return { 'trace.id': traceId, 'span.id': traceParent.slice(SPAN_AT, SPAN_AT + SPAN_LENGTH) }
}

const NO_TRACE: Traced = { traceParent: undefined }

/** Behind the version, the trace id, and what is between them: their lengths are fixed. */
const SPAN_AT = 36
const SPAN_LENGTH = 16
