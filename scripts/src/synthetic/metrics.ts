import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { type CheckOutcome, RESULTS, type WindowKind } from './verdict.js'

/** What operators see of the checks. A prober that hangs is silent: its last success grows old. */
export interface ProbeMetrics {
  /** @param atMs milliseconds since 1970 */
  checked(outcome: CheckOutcome, atMs: number): void
  judged(kind: WindowKind, isPassed: boolean): void
}

export const createProbeMetrics = (registry: Registry): ProbeMetrics => {
  const registers = [registry]
  const checks = new Counter({
    registers,
    name: 'votestream_synthetic_checks_total',
    help: 'Checks, by the API that their vote was sent over and how they ended',
    labelNames: ['api', 'result'],
  })
  const legs = new Histogram({
    registers,
    name: 'votestream_synthetic_leg_seconds',
    help: 'From the time at which a vote was to be sent to its acknowledgement, and to the first board that had it',
    labelNames: ['leg'],
    buckets: [...LATENCY_BUCKETS_SECONDS],
  })
  const lastSuccess = new Gauge({
    registers,
    name: 'votestream_synthetic_last_success_timestamp_seconds',
    help: 'When the last check that was ok ended; 0: none was',
  })
  const windows = new Counter({
    registers,
    name: 'votestream_synthetic_windows_total',
    help: 'Windows of time, and events, that were judged, by their verdict',
    labelNames: ['kind', 'verdict'],
  })
  // A rate is told from the first of its kind on.
  for (const api of ['rest', 'graphql']) for (const result of RESULTS) checks.inc({ api, result }, 0)
  for (const kind of ['window', 'event'] satisfies WindowKind[]) {
    for (const verdict of ['passed', 'failed']) windows.inc({ kind, verdict }, 0)
  }
  for (const leg of ['acknowledged', 'seen']) legs.zero({ leg })
  return {
    checked({ api, result, acknowledgedMs, seenMs }, atMs) {
      checks.inc({ api, result })
      if (acknowledgedMs !== null) legs.observe({ leg: 'acknowledged' }, Math.max(0, acknowledgedMs) / 1_000)
      if (seenMs !== null) legs.observe({ leg: 'seen' }, Math.max(0, seenMs) / 1_000)
      if (result === 'ok') lastSuccess.set(atMs / 1_000)
    },
    judged(kind, isPassed) {
      windows.inc({ kind, verdict: isPassed ? 'passed' : 'failed' })
    },
  }
}
