import { createHistogram, SIZE_BUCKETS } from '@votestream/infra/metrics/histograms'
import type { Registry } from 'prom-client'
import { createAdmissionMetrics } from './admission/admission-metrics.js'
import { createKeyMetrics } from './admission/key-metrics.js'
import { createLiveMetrics } from './live/live-metrics.js'
import { createRequestMetrics } from './request-metrics.js'

/** What a gateway counts and measures by itself; what is only looked at when somebody asks is beside it (`watch…`). */
export const createGatewayMetrics = (registry: Registry, now: () => number) => ({
  requests: createRequestMetrics(registry),
  admission: createAdmissionMetrics(registry),
  keys: createKeyMetrics(registry),
  live: createLiveMetrics(registry, now),
  batchVotes: createHistogram({
    registry,
    name: 'votestream_submission_batch_votes',
    help: 'Votes in a batch that left for the owner of their shard',
    buckets: SIZE_BUCKETS,
  }),
})
