import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { TraceState } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { AWSXRayIdGenerator } from '@opentelemetry/id-generator-aws-xray'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Logger } from '../logging.js'
import { ATTRIBUTES, type Attributes } from './attributes.js'
import { createPropagation, type RemoteParent } from './propagation.js'
import { createResource, type ResourceOptions } from './resource.js'
import { createHeadSampler } from './sampling.js'
import { createSpanQueue, type SpanCounts } from './span-queue.js'
import type { TraceContext } from './trace-context.js'
import {
  type Head,
  LINKS_MAX,
  NO_STAGE,
  type OpenSpan,
  type SpanDescription,
  type SpanKindName,
  type Stage,
  type Tracing,
  VOTE_SPANS_MAX,
} from './tracing.js'
import type { TelemetryEnvironment } from './variables.js'

export interface OtlpTracingOptions extends ResourceOptions {
  /** Where to, with its path. */
  readonly endpoint: string
  readonly environment: TelemetryEnvironment
  /** See `HeadSamplerOptions`. */
  readonly fromClientsPerSecondMax: number
  readonly byLotPerSecondMax: number
  readonly logger: Logger
}

export interface OtlpTracing extends Tracing {
  readonly counts: Readonly<SpanCounts>
  /** Traces of clients that were not followed, since there were too many. */
  refused(): number
  /** Exports what waits. Resolves when it was taken or given up, which may be never. */
  stop(): Promise<void>
}

/** Spans that go to whoever takes OTLP over HTTP, in protobuf. */
export const createOtlpTracing = (options: OtlpTracingOptions): OtlpTracing => {
  const { endpoint, environment, fromClientsPerSecondMax, byLotPerSecondMax, logger } = options
  const { OTEL_TRACES_SAMPLER_ARG: ratio, OTEL_PROPAGATORS: propagators } = environment
  let refused = 0
  const ids = createIds(propagators.includes('xray') ? new AWSXRayIdGenerator() : new RandomIdGenerator())
  const queue = createSpanQueue({
    exporter: new OTLPTraceExporter({ url: endpoint }),
    max: environment.OTEL_BSP_MAX_QUEUE_SIZE,
    gather: (exporter) =>
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: environment.OTEL_BSP_MAX_QUEUE_SIZE,
        maxExportBatchSize: Math.min(
          environment.OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
          environment.OTEL_BSP_MAX_QUEUE_SIZE,
        ),
        scheduledDelayMillis: environment.OTEL_BSP_SCHEDULE_DELAY,
        exportTimeoutMillis: environment.OTEL_BSP_EXPORT_TIMEOUT,
      }),
    onTurn: (error) => {
      if (error) logger.warn({ err: error, endpoint }, 'traces are not taken; they are dropped meanwhile')
      else logger.info({ endpoint }, 'traces are taken')
    },
  })
  const provider = new TracerProvider({
    resource: createResource(options),
    idGenerator: ids,
    // Whoever is not to be sampled is not begun.
    sampler: new AlwaysOnSampler(),
    spanProcessors: [queue.processor],
  })
  const tracer = provider.getTracer('votestream')
  const byTraceId = new TraceIdRatioBasedSampler(ratio)
  const sampler = createHeadSampler({
    sampler: environment.OTEL_TRACES_SAMPLER,
    ratio,
    fromClientsPerSecondMax,
    byLotPerSecondMax,
    samplesTrace: (traceId) =>
      byTraceId.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED,
    onRefused: () => {
      refused += 1
    },
  })
  const propagation = createPropagation(propagators)

  return {
    on: true,
    decide(carrier) {
      const parent = propagation.parentOf(carrier)
      if (!parent) return sampler.begins() ? UNNAMED : undefined
      return sampler.follows(parent) ? { parent } : undefined
    },
    begin: ({ parent }, description) => begin(tracer, ids, description, parent),
    stage: (description, votes) => (votes.length === 0 ? NO_STAGE : beginStage(tracer, description, votes)),
    responseFields: propagation.responseFields,
    counts: queue.counts,
    refused: () => refused,
    stop: () => provider.shutdown(),
  }
}

const UNNAMED: Head = { parent: undefined }

interface Ids extends IdGenerator {
  /** Of the next trace; undefined: one that is made. */
  next: string | undefined
}

const createIds = (made: IdGenerator): Ids => {
  const ids: Ids = {
    next: undefined,
    generateTraceId: () => ids.next ?? made.generateTraceId(),
    generateSpanId: () => made.generateSpanId(),
  }
  return ids
}

const begin = (
  tracer: Tracer,
  ids: Ids,
  description: SpanDescription,
  parent: RemoteParent | undefined,
): OpenSpan => {
  if (!parent) return openSpan(tracer, description, ROOT_CONTEXT, undefined)
  const { traceId, spanId, traceState } = parent
  if (spanId !== undefined) {
    return openSpan(tracer, description, under({ traceId, spanId, traceState }), traceState)
  }
  // A trace that somebody in front named, and that begins here: the span takes its id as it is made, at once.
  ids.next = traceId
  try {
    return openSpan(tracer, description, ROOT_CONTEXT, undefined)
  } finally {
    ids.next = undefined
  }
}

const openSpan = (
  tracer: Tracer,
  { name, kind, attributes }: SpanDescription,
  parent: Context,
  traceState: string | undefined,
): OpenSpan => {
  const span = tracer.startSpan(name, { kind: KINDS[kind], attributes }, parent)
  const context = goingOnFrom(span, traceState)
  return {
    context,
    child: (description) => openSpan(tracer, description, under(context), traceState),
    set: (more) => void span.setAttributes(more),
    end: (error) => endSpan(span, error),
  }
}

const beginStage = (
  tracer: Tracer,
  { name, kind, attributes, parent }: Parameters<Tracing['stage']>[0],
  votes: readonly TraceContext[],
): Stage => {
  const links = votes.slice(0, LINKS_MAX).map((vote): Link => ({ context: spanContextOf(vote) }))
  const ofBatch = { ...attributes, [ATTRIBUTES.batch]: true, [ATTRIBUTES.sampledVotes]: votes.length }
  const batch = tracer.startSpan(
    name,
    { kind: KINDS[kind], attributes: ofBatch, links },
    parent ? under(parent) : ROOT_CONTEXT,
  )
  const toBatch: Link[] = [{ context: batch.spanContext() }]
  const ofVote = { kind: KINDS[kind], attributes: attributesOfVote(attributes), links: toBatch }
  const spans = votes.slice(0, VOTE_SPANS_MAX).map((vote) => tracer.startSpan(name, ofVote, under(vote)))
  return {
    context: goingOnFrom(batch, undefined),
    votes: votes.map((vote, index) => {
      const span = spans[index]
      return span ? goingOnFrom(span, vote.traceState) : vote
    }),
    end(error) {
      for (const span of spans) endSpan(span, error)
      endSpan(batch, error)
    },
  }
}

/** What the conventions require of any span, and the shard; all else stands in the batch's, which each vote's links to. */
const OF_VOTES: readonly string[] = [
  ATTRIBUTES.messagingSystem,
  ATTRIBUTES.messagingOperation,
  ATTRIBUTES.dbSystem,
  ATTRIBUTES.dbOperation,
  ATTRIBUTES.shard,
]

/** Each attribute of each span is to be written and sent: with all of them, tracing costs a third more. */
const attributesOfVote = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => OF_VOTES.includes(name)))

const endSpan = (span: Span, error: string | undefined): void => {
  if (error !== undefined) {
    span.setAttribute(ATTRIBUTES.errorType, error)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}

const KINDS: Readonly<Record<SpanKindName, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
}

const goingOnFrom = (span: Span, traceState: string | undefined): TraceContext => {
  const { traceId, spanId } = span.spanContext()
  return traceState === undefined ? { traceId, spanId } : { traceId, spanId, traceState }
}

const spanContextOf = ({ traceId, spanId, traceState }: TraceContext) => ({
  traceId,
  spanId,
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
  ...(traceState ? { traceState: new TraceState(traceState) } : {}),
})

const under = (context: TraceContext): Context => trace.setSpanContext(ROOT_CONTEXT, spanContextOf(context))
