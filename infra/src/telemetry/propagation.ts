import {
  ROOT_CONTEXT,
  type TextMapGetter,
  type TextMapPropagator,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { CompositePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { AWSXRayPropagator } from '@opentelemetry/propagator-aws-xray'
import type { Parent } from './sampling.js'
import type { TraceContext } from './trace-context.js'
import type { PropagatorName } from './variables.js'

/** Fields that may carry a trace, by their names in lower case: the headers of a request among others. */
export type Carrier = Readonly<Record<string, string | string[] | undefined>>

/** A client's trace; without a span's id it has begun with this request. */
export interface RemoteParent extends Parent {
  readonly spanId: string | undefined
  readonly traceState?: string | undefined
}

export interface Propagation {
  /** Undefined where nothing was sent, or nothing that is valid. Of several, the last one named stands. */
  parentOf(carrier: Carrier): RemoteParent | undefined
  /** What an answer says of its trace: W3C's recommendation has no field for that, X-Ray has. */
  responseFields(context: TraceContext): Readonly<Record<string, string>>
}

const XRAY_FIELD = 'x-amzn-trace-id'

const getter: TextMapGetter<Carrier> = {
  keys: (carrier) => Object.keys(carrier),
  get: (carrier, key) => carrier[key],
}

export const createPropagation = (names: readonly PropagatorName[]): Propagation => {
  const xray = names.includes('xray') ? new AWSXRayPropagator() : undefined
  const propagators: TextMapPropagator[] = names.flatMap((name): TextMapPropagator[] => {
    if (name === 'tracecontext') return [new W3CTraceContextPropagator()]
    return name === 'xray' && xray ? [xray] : []
  })
  const all = new CompositePropagator({ propagators })
  return {
    parentOf(carrier) {
      // Most requests name no trace, and nothing is made of them.
      const sent = carrier[XRAY_FIELD]
      if (carrier.traceparent === undefined && (!xray || sent === undefined)) return undefined
      const found = trace.getSpanContext(all.extract(ROOT_CONTEXT, carrier, getter))
      if (!found) return xray && typeof sent === 'string' ? openXrayParent(sent) : undefined
      const { traceId, spanId, traceFlags, traceState } = found
      const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0
      return { traceId, spanId, sampled, traceState: traceState?.serialize() || undefined }
    },
    responseFields({ traceId, spanId }) {
      const fields: Record<string, string> = {}
      const spanContext = { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
      xray?.inject(trace.setSpanContext(ROOT_CONTEXT, spanContext), fields, {
        set: (carrier: Record<string, string>, key, value) => {
          carrier[key] = value
        },
      })
      return fields
    },
  }
}

const XRAY_ROOT = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})\s*(?:;|$)/
const XRAY_PARENT = /(?:^|;)\s*Parent=([0-9a-f]{16})\s*(?:;|$)/
const XRAY_SAMPLED = /(?:^|;)\s*Sampled=([01])\s*(?:;|$)/

/**
 * A load balancer of AWS names a trace, which it logs, and neither a span nor whether it is sampled; other services leave
 * the latter open with a question mark. The propagator takes such a header for none.
 */
const openXrayParent = (header: string): RemoteParent | undefined => {
  const [, time, unique] = XRAY_ROOT.exec(header) ?? []
  if (time === undefined || unique === undefined || /^0+$/.test(time + unique)) return undefined
  const [, spanId] = XRAY_PARENT.exec(header) ?? []
  const [, sampled] = XRAY_SAMPLED.exec(header) ?? []
  return {
    traceId: time + unique,
    spanId: spanId === undefined || /^0+$/.test(spanId) ? undefined : spanId,
    sampled: sampled === undefined ? undefined : sampled === '1',
  }
}
