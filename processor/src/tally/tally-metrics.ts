import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { Histogram, type Registry } from 'prom-client'

/** What operators see of how long the log waits for Redis. */
export interface TallyMetrics {
  /**
   * Notes that Redis has just taken messages.
   * @param storedAtMs when the broker stored each of them, milliseconds since 1970, by its clock
   * @returns now, by the same clock
   */
  applied(storedAtMs: readonly number[]): number
}

/**
 * One observation for each message, which is one commit of up to a thousand votes: for each vote it would cost more than
 * counting it. The clock is off by half a round trip to the broker at most; what that makes negative is 0.
 * @param now the broker's clock
 */
export const createTallyMetrics = (registry: Registry, now: () => number): TallyMetrics => {
  const processing = new Histogram({
    registers: [registry],
    name: 'votestream_processing_seconds',
    help: 'From the broker storing a message of a log to Redis having applied it; each message counts once',
    buckets: [...LATENCY_BUCKETS_SECONDS],
  })
  return {
    applied(storedAtMs) {
      const nowMs = now()
      for (const atMs of storedAtMs) processing.observe(Math.max(0, nowMs - atMs) / 1_000)
      return nowMs
    },
  }
}
