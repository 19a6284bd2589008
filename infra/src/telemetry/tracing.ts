import type { Attributes } from './attributes.js'
import type { Carrier, RemoteParent } from './propagation.js'
import type { TraceContext } from './trace-context.js'

/**
 * What the services see of tracing: a story is begun at a request, or not at all, and goes on in stages that many votes
 * pass together. What was not sampled at the request costs a comparison there and nothing behind it.
 */
export interface Tracing {
  /** False: nothing is exported, and no span is made. */
  readonly on: boolean
  /**
   * Decides, once for all services, whether a request is sampled. Of most it makes nothing, so that it costs nothing.
   * @param carrier what came with it: headers of HTTP, or fields of the same names
   * @returns what its span is begun with; undefined: there is none
   */
  decide(carrier: Carrier): Head | undefined
  begin(head: Head, description: SpanDescription): OpenSpan
  /**
   * Begins what is done with a batch of votes: one span for the batch, which links to the sampled votes, and one in the
   * trace of each of them (up to VOTE_SPANS_MAX).
   * @param votes the sampled ones; without any there is no span
   */
  stage(description: StageDescription, votes: readonly TraceContext[]): Stage
  /** What a response says of the trace that its request was sampled into. */
  responseFields(context: TraceContext): Readonly<Record<string, string>>
}

export type SpanKindName = 'server' | 'client' | 'producer' | 'consumer' | 'internal'

export interface SpanDescription {
  /** One of few: whatever there may be any number of is an attribute. */
  readonly name: string
  readonly kind: SpanKindName
  readonly attributes: Attributes
}

export interface StageDescription extends SpanDescription {
  /** Where the batch comes from, as the header of its message has it. */
  readonly parent?: TraceContext | undefined
}

/** Where a sampled story begins. */
export interface Head {
  /** Undefined where the request named no trace. */
  readonly parent: RemoteParent | undefined
}

export interface OpenSpan {
  readonly context: TraceContext
  child(description: SpanDescription): OpenSpan
  set(attributes: Attributes): void
  /** @param error why it failed: a code; undefined: it did not, or its client is to blame */
  end(error?: string): void
}

export interface Stage {
  /** Of the batch, for the header of its message; undefined where nothing is sampled. */
  readonly context: TraceContext | undefined
  /** What each vote goes on from, in the order in which they were given. */
  readonly votes: readonly TraceContext[]
  /** @param error why it failed; undefined: it did not */
  end(error?: string): void
}

/** Votes of a batch that have a span of their own in each stage; the others are linked. */
export const VOTE_SPANS_MAX = 16
/** Votes that a batch links to; of the others it says how many they are. */
export const LINKS_MAX = 128

/** Where nothing is sampled. The votes go on as they came, for those who do trace. */
const noStage = (votes: readonly TraceContext[]): Stage => ({
  context: undefined,
  votes,
  end: () => undefined,
})

export const NO_STAGE: Stage = noStage([])

const NO_SPAN: OpenSpan = {
  context: { traceId: '', spanId: '' },
  child: () => NO_SPAN,
  set: () => undefined,
  end: () => undefined,
}

export const NO_TRACING: Tracing = {
  on: false,
  decide: () => undefined,
  begin: () => NO_SPAN,
  stage: (_description, votes) => (votes.length === 0 ? NO_STAGE : noStage(votes)),
  responseFields: () => ({}),
}
