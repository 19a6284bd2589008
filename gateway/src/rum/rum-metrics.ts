import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { Counter, Histogram, type Registry } from 'prom-client'
import { RUM_ERROR_KINDS, RUM_MEASURES, type RumSink } from './rum-beacon.js'

/** `foreign`: from a page of an origin that may not call. */
export const BEACON_RESULTS = ['accepted', 'invalid', 'too_large', 'throttled', 'foreign'] as const
export type BeaconResult = (typeof BEACON_RESULTS)[number]

export interface RumMetrics extends RumSink {
  beacon(result: BeaconResult): void
}

/** Around 0.1, up to which a page counts as steady, and 0.25, from which it does not: https://web.dev/articles/cls */
export const LAYOUT_SHIFT_BUCKETS: readonly number[] = [
  0.001, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5,
]

/** What operators see of the people on the live page. */
export const createRumMetrics = (registry: Registry): RumMetrics => {
  const registers = [registry]
  const seconds = new Histogram({
    registers,
    name: 'votestream_rum_seconds',
    help: 'What pages measured of their visitors: from the click on a vote until it was shown as counted, from following an event to its first board, and web vitals',
    labelNames: ['measure'],
    buckets: [...LATENCY_BUCKETS_SECONDS],
  })
  const shift = new Histogram({
    registers,
    name: 'votestream_rum_layout_shift',
    help: 'How much of a page moved by itself (cumulative layout shift)',
    buckets: [...LAYOUT_SHIFT_BUCKETS],
  })
  const errors = new Counter({
    registers,
    name: 'votestream_rum_errors_total',
    help: 'Errors on pages that nothing caught, by kind',
    labelNames: ['kind'],
  })
  const beacons = new Counter({
    registers,
    name: 'votestream_rum_beacons_total',
    help: 'Reports of pages, by what became of them; of those that were not accepted nothing is recorded',
    labelNames: ['result'],
  })
  for (const measure of RUM_MEASURES) seconds.zero({ measure })
  for (const kind of RUM_ERROR_KINDS) errors.inc({ kind }, 0)
  for (const result of BEACON_RESULTS) beacons.inc({ result }, 0)
  return {
    measured: (measure, value) => seconds.observe({ measure }, value),
    shifted: (layoutShift) => shift.observe(layoutShift),
    erred: (kind, count) => errors.inc({ kind }, count),
    beacon: (result) => beacons.inc({ result }),
  }
}
