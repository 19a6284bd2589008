import { headers, type MsgHdrs } from '@nats-io/nats-core'
import { readTraceParent, type TraceContext, traceParentOf } from './trace-context.js'

/** Between our services, whatever clients use: W3C's `traceparent`. */
const FIELD = 'traceparent'

/** Of a message that is part of a sampled story; undefined for all others: they have none. */
export const traceHeader = (context: TraceContext | undefined): MsgHdrs | undefined => {
  if (!context) return undefined
  const fields = headers()
  fields.set(FIELD, traceParentOf(context))
  return fields
}

export const readTraceHeader = (fields: MsgHdrs | undefined): TraceContext | undefined =>
  readTraceParent(fields?.get(FIELD))
