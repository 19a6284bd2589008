/**
 * Bounds of histograms of latencies, in seconds: dense around the service levels of 50, 200, 500 and 1,000 ms and their
 * halves, so that a percentile near one of them is told to a quarter.
 */
export const LATENCY_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.125,
  0.15, 0.175, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2.5, 5, 10,
]
