import { build, type Histogram } from 'hdr-histogram-js'

/** Durations with three digits each, from a microsecond on, in a memory that does not grow with their number. */
export interface Latencies {
  readonly count: number
  /** @param micros a whole number */
  add(micros: number): void
  merge(others: Latencies): void
  /** @param percent from 0 to 100 @returns milliseconds; NaN while there are none */
  atMs(percent: number): number
  readonly meanMs: number
  readonly maxMs: number
  /** Of hdr-histogram-js, in microseconds. */
  readonly histogram: Histogram
}

/** Milliseconds; NaN where nothing was measured. */
export interface Percentiles {
  readonly count: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

/** Longer ones make it grow. */
const EXPECTED_MICROS_MAX = 60e6

export const createLatencies = (): Latencies => {
  const histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: EXPECTED_MICROS_MAX,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
  })
  const orNone = (micros: number): number => (histogram.totalCount === 0 ? Number.NaN : micros / 1_000)
  return {
    get count() {
      return histogram.totalCount
    },
    add: (micros) => histogram.recordValue(micros),
    merge: (others) => histogram.add(others.histogram),
    // The highest value that the histogram cannot tell from it may lie above the greatest one there was.
    atMs: (percent) => orNone(Math.min(histogram.getValueAtPercentile(percent), histogram.maxValue)),
    get meanMs() {
      return orNone(histogram.mean)
    },
    get maxMs() {
      return orNone(histogram.maxValue)
    },
    histogram,
  }
}

export const percentilesOf = (latencies: Latencies): Percentiles => ({
  count: latencies.count,
  p50Ms: latencies.atMs(50),
  p90Ms: latencies.atMs(90),
  p95Ms: latencies.atMs(95),
  p99Ms: latencies.atMs(99),
  p999Ms: latencies.atMs(99.9),
  maxMs: latencies.maxMs,
})
