import { createHalts } from '@votestream/infra/halts'
import { createMetrics } from '@votestream/infra/health-server'
import { createLeaseMetrics } from '@votestream/infra/metrics/leases'
import { watchQueues } from '@votestream/infra/metrics/queues'
import { watchStores } from '@votestream/infra/metrics/store-health'
import { watchRefusals } from '@votestream/infra/nats-refusals'
import { watchSpans } from '@votestream/infra/telemetry/telemetry'
import type { Registry } from 'prom-client'
import { createIngestMetrics } from './ingest-metrics.js'

export { APPEND_RESULTS, VOTE_OUTCOMES } from './ingest-metrics.js'

/** Every metric of an ingest, of one in which nothing ever happens. */
export const describeMetrics = (): Registry => {
  const registry = createMetrics()
  const { commitQueue } = createIngestMetrics(registry, 0)
  createHalts(registry)
  createLeaseMetrics(registry, [], [])
  watchRefusals(registry, { refused: () => 0 })
  const counts = { exported: 0, droppedFull: 0, droppedFailed: 0, waiting: 0 }
  watchSpans(registry, { counts, refused: () => 0 })
  watchQueues(registry, { commit: commitQueue })
  const silent = () => new Promise(() => undefined)
  watchStores({ registry, probes: { nats: silent, redis: silent } })()
  return registry
}
