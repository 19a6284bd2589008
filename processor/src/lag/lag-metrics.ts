import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { createHistograms } from '@votestream/infra/metrics/histograms'
import type { Shard } from '@votestream/schema/numbers'
import { Gauge, type Registry } from 'prom-client'

export const SINKS = ['redis', 'clickhouse'] as const
export type Sink = (typeof SINKS)[number]

export interface Lag {
  readonly messages: number
  readonly votes: number
  /** Age of the oldest message that the sink does not hold; 0: it holds all. */
  readonly seconds: number
}

/** What operators see of how far the sinks are behind the logs. */
export interface LagMetrics {
  sampled(sink: Sink, shard: Shard, lag: Lag): void
}

/** @param p99MaxMs what the operator wants the lag of Redis to stay below, of 99 in 100 samples */
export const createLagMetrics = (registry: Registry, p99MaxMs: number): LagMetrics => {
  const common = { registers: [registry], labelNames: ['sink', 'shard'] as const }
  const told =
    'Every processor tells of every shard, whoever works on it: so a shard that nobody works on is seen'
  const messages = new Gauge({
    ...common,
    name: 'votestream_consumer_lag_messages',
    help: `Messages of the log of a shard that a sink does not hold. ${told}`,
  })
  const votes = new Gauge({
    ...common,
    name: 'votestream_consumer_lag_votes',
    help: 'Votes in those messages: exact for one message, and beyond it by a running average of votes in a message',
  })
  const seconds = new Gauge({
    ...common,
    name: 'votestream_consumer_lag_seconds',
    help: 'Age of the oldest message of the log of a shard that a sink does not hold; 0: it holds all. ClickHouse is written to every two seconds, so its lag is about as long under votes',
  })
  const sampled = createHistograms(
    {
      registry,
      name: 'votestream_consumer_lag_sampled_seconds',
      help: 'The same age of every shard, sampled once a second',
      buckets: LATENCY_BUCKETS_SECONDS,
    },
    'sink',
    SINKS,
  )
  new Gauge({
    registers: [registry],
    name: 'votestream_consumer_lag_p99_max_seconds',
    help: 'What the 99th percentile of the sampled lag of Redis is to stay below: CONSUMER_LAG_P99_MAX_MS',
  }).set(p99MaxMs / 1_000)
  return {
    sampled(sink, shard, lag) {
      messages.set({ sink, shard }, lag.messages)
      votes.set({ sink, shard }, lag.votes)
      seconds.set({ sink, shard }, lag.seconds)
      sampled[sink].observe(lag.seconds)
    },
  }
}
