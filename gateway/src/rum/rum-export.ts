import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import type { RumSink } from './rum-beacon.js'
import { LAYOUT_SHIFT_BUCKETS } from './rum-metrics.js'

export interface RumExport extends RumSink {
  /** Sends what is left, if somebody takes it in time. */
  stop(): Promise<void>
}

interface RumExportOptions {
  /** Of a collector, with its path: `http://127.0.0.1:4318/v1/metrics`. */
  readonly url: string
  readonly everyMs: number
}

const TIMEOUT_MS = 5_000
const STOP_WITHIN_MS = 2_000

/** The same histograms as on `/metrics`, pushed over OTLP (HTTP, protobuf). Each process is an instance of its own. */
export const createRumExport = ({ url, everyMs }: RumExportOptions): RumExport => {
  const timeoutMs = Math.min(TIMEOUT_MS, everyMs)
  const provider = new MeterProvider({
    resource: resourceFromAttributes({
      'service.name': 'votestream-page',
      'service.instance.id': randomUUID(),
    }),
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url, timeoutMillis: timeoutMs }),
        exportIntervalMillis: everyMs,
        exportTimeoutMillis: timeoutMs,
      }),
    ],
  })
  const meter = provider.getMeter('votestream-rum')
  const seconds = meter.createHistogram('votestream.rum', {
    description: 'What pages measured of their visitors',
    unit: 's',
    advice: { explicitBucketBoundaries: [...LATENCY_BUCKETS_SECONDS] },
  })
  const shift = meter.createHistogram('votestream.rum.layout_shift', {
    description: 'How much of a page moved by itself',
    unit: '1',
    advice: { explicitBucketBoundaries: [...LAYOUT_SHIFT_BUCKETS] },
  })
  const errors = meter.createCounter('votestream.rum.errors', {
    description: 'Errors on pages that nothing caught',
    unit: '{error}',
  })
  return {
    measured: (measure, value) => seconds.record(value, { measure }),
    shifted: (layoutShift) => shift.record(layoutShift),
    erred: (kind, count) => errors.add(count, { kind }),
    async stop() {
      const over = new AbortController()
      const late = pause(STOP_WITHIN_MS, undefined, { signal: over.signal }).catch(() => undefined)
      await Promise.race([provider.shutdown().catch(() => undefined), late])
      over.abort()
    },
  }
}
