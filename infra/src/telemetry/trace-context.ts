/** A span that something goes on from, in this process or another one. Only what is sampled has one. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** W3C `tracestate`, where the client sent one. */
  readonly traceState?: string | undefined
}

/** What a vote carries of its story (see Vote in proto/votes.proto); without a span's id it is not sampled. */
export interface VoteTrace {
  readonly traceId: string
  readonly spanId?: string | undefined
  readonly traceState?: string | undefined
}

const TRACE_PARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-01$/

/** As between our own services, which carry nothing of what is not sampled. */
export const traceParentOf = ({ traceId, spanId }: TraceContext): string => `00-${traceId}-${spanId}-01`

/** Undefined for what is none of ours. */
export const readTraceParent = (text: string | undefined): TraceContext | undefined => {
  const [, traceId, spanId] = TRACE_PARENT.exec(text ?? '') ?? []
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId }
}

/** Undefined for a vote that is not sampled. */
export const contextOf = ({ traceId, spanId, traceState }: VoteTrace): TraceContext | undefined =>
  spanId ? { traceId, spanId, ...(traceState ? { traceState } : {}) } : undefined
