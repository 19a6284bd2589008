import { setTimeout as pause } from 'node:timers/promises'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Logger } from '../logging.js'
import type { OtlpTracing } from './otlp-tracing.js'
import { NO_TRACING, type Tracing } from './tracing.js'
import { type TelemetryEnvironment, tracesEndpointOf } from './variables.js'

/** Tracing of one process. */
export interface Telemetry {
  readonly tracing: Tracing
  /** Puts what became of the spans among the process's own figures; without tracing there is nothing to tell. */
  watch(registry: Registry): void
  /** Exports what waits, for as long as there is time. To be stopped last: whatever stops before may end spans. */
  stop(): Promise<void>
}

interface TelemetryOptions {
  readonly service: 'gateway' | 'ingest' | 'processor'
  /** Unique among those that run at a time. */
  readonly instance: string
  readonly environment: TelemetryEnvironment
  /** Of the traces that clients ask for with their headers, by this process. */
  readonly fromClientsPerSecondMax?: number
  /** Of those that it begins by lot. */
  readonly byLotPerSecondMax?: number
  readonly logger: Logger
}

/** The process ends all the same: a collector that hangs must not hold it up. */
const STOP_MS = 1_000

/** Reads and connects to nothing where no endpoint is set: then not even the library is loaded. */
export const startTelemetry = async (options: TelemetryOptions): Promise<Telemetry> => {
  const { service, instance, environment, logger } = options
  const { fromClientsPerSecondMax = 0, byLotPerSecondMax = 0 } = options
  const endpoint = tracesEndpointOf(environment)
  if (endpoint === undefined)
    return { tracing: NO_TRACING, watch: () => undefined, stop: async () => undefined }
  const { createOtlpTracing } = await import('./otlp-tracing.js')
  const tracing = createOtlpTracing({
    endpoint,
    environment,
    fromClientsPerSecondMax,
    byLotPerSecondMax,
    logger,
    serviceName: `${environment.OTEL_SERVICE_NAME}-${service}`,
    instance,
    attributes: environment.OTEL_RESOURCE_ATTRIBUTES,
  })
  return {
    tracing,
    watch: (registry) => watchSpans(registry, tracing),
    async stop() {
      const exported = tracing
        .stop()
        .catch((error: unknown) => logger.warn({ err: error }, 'the last traces were not taken'))
      await Promise.race([exported, pause(STOP_MS, undefined, { ref: false })])
    },
  }
}

/** What operators see of the export; only where there is one. */
export const watchSpans = (
  registry: Registry,
  { counts, refused }: Pick<OtlpTracing, 'counts' | 'refused'>,
): void => {
  const registers = [registry]
  /** Counted elsewhere, and looked up when somebody asks. */
  const counter = (
    name: string,
    help: string,
    values: () => Readonly<Record<string, number>>,
    label?: string,
  ) =>
    new Counter({
      registers,
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      collect() {
        this.reset()
        for (const [value, count] of Object.entries(values())) {
          this.inc(label === undefined ? {} : { [label]: value }, count)
        }
      },
    })
  counter('votestream_spans_exported_total', 'Spans that whoever takes them has taken', () => ({
    all: counts.exported,
  }))
  counter(
    'votestream_spans_dropped_total',
    'Spans that were dropped: too many waited, or nobody took them',
    () => ({ queue_full: counts.droppedFull, export_failed: counts.droppedFailed }),
    'reason',
  )
  counter(
    'votestream_client_traces_refused_total',
    'Requests whose client asked for a trace and got none, since there were too many',
    () => ({ all: refused() }),
  )
  new Gauge({
    registers,
    name: 'votestream_spans_waiting',
    help: 'Spans that wait to be exported',
    collect() {
      this.set(counts.waiting)
    },
  })
}
