import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { createHistogram, SIZE_BUCKETS } from '@votestream/infra/metrics/histograms'
import type { Registry } from 'prom-client'
import type { SequencedMessage } from './stretch.js'

/** What operators see of how long the log waits for Redis. */
export interface TallyMetrics {
  /**
   * Notes that Redis has just taken messages.
   * @param storedAtMs when the broker stored each of them, milliseconds since 1970, by its clock
   * @param messages the same ones
   * @param seconds that Redis took
   * @returns now, by the broker's clock
   */
  applied(storedAtMs: readonly number[], messages: readonly SequencedMessage[], seconds: number): number
}

/**
 * One observation for each message, which is one commit of up to a thousand votes: for each vote it would cost more than
 * counting it. The clock is off by half a round trip to the broker at most; what that makes negative is 0.
 * @param now the broker's clock
 */
export const createTallyMetrics = (registry: Registry, now: () => number): TallyMetrics => {
  const common = { registry, buckets: LATENCY_BUCKETS_SECONDS }
  const processing = createHistogram({
    ...common,
    name: 'votestream_processing_seconds',
    help: 'From the broker storing a message of a log to Redis having applied it; each message counts once',
  })
  const apply = createHistogram({
    ...common,
    name: 'votestream_tally_apply_seconds',
    help: 'How long Redis took to apply a stretch of a log',
  })
  const batchVotes = createHistogram({
    registry,
    name: 'votestream_tally_batch_votes',
    help: 'Votes in a stretch of a log that was applied at once',
    buckets: SIZE_BUCKETS,
  })
  return {
    applied(storedAtMs, messages, seconds) {
      const nowMs = now()
      let votes = 0
      for (const [index, atMs] of storedAtMs.entries()) {
        const message = messages[index]
        votes += message?.votes.length ?? 0
        // The trace of one of its votes, if its client sent one: the others are not looked at.
        processing.observe(Math.max(0, nowMs - atMs) / 1_000, message?.votes[0]?.traceId)
      }
      apply.observe(seconds)
      batchVotes.observe(votes)
      return nowMs
    },
  }
}
