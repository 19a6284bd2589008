import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'

/** What became of the spans of this process. */
export interface SpanCounts {
  exported: number
  /** The queue was full. */
  droppedFull: number
  /** Whoever takes them refused them, or did not answer. */
  droppedFailed: number
  /** Wait to be exported, or for the answer. */
  waiting: number
}

export const noSpans = (): SpanCounts => ({ exported: 0, droppedFull: 0, droppedFailed: 0, waiting: 0 })

interface SpanQueueOptions {
  readonly exporter: SpanExporter
  /** Makes the processor that gathers what is exported, over the exporter that it is given. */
  readonly gather: (exporter: SpanExporter) => SpanProcessor
  /** Spans that may wait; whatever comes beyond is dropped. */
  readonly max: number
  /** Called when exporting begins to fail, and when it works again. */
  readonly onTurn: (error: Error | undefined) => void
}

/**
 * The queue is bounded and its bound is told here, since the library tells nobody what it drops: while nobody takes the
 * spans, they are counted and forgotten, and whatever makes them never waits.
 */
export const createSpanQueue = ({ exporter, gather, max, onTurn }: SpanQueueOptions) => {
  const counts = noSpans()
  let failing = false
  const turn = (error: Error | undefined): void => {
    if (failing === (error !== undefined)) return
    failing = error !== undefined
    onTurn(error)
  }
  const counting: SpanExporter = {
    export(spans, done) {
      exporter.export(spans, (result) => {
        counts.waiting -= spans.length
        if (result.code === EXPORTED) counts.exported += spans.length
        else counts.droppedFailed += spans.length
        turn(result.code === EXPORTED ? undefined : (result.error ?? new Error('the export failed')))
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
  const inner = gather(counting)
  const processor: SpanProcessor = {
    onStart: (span, context) => inner.onStart(span, context),
    onEnd(span: ReadableSpan) {
      if (counts.waiting >= max) {
        counts.droppedFull += 1
        return
      }
      counts.waiting += 1
      inner.onEnd(span)
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  }
  return { processor, counts }
}

/** ExportResultCode.SUCCESS of the library's core. */
const EXPORTED = 0
