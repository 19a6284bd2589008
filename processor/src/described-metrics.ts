import { createHalts } from '@votestream/infra/halts'
import { createMetrics } from '@votestream/infra/health-server'
import { createLeaseMetrics } from '@votestream/infra/metrics/leases'
import { watchQueues } from '@votestream/infra/metrics/queues'
import { watchStores } from '@votestream/infra/metrics/store-health'
import { watchRefusals } from '@votestream/infra/nats-refusals'
import { watchSpans } from '@votestream/infra/telemetry/telemetry'
import type { Registry } from 'prom-client'
import { createArchiveMetrics } from './archive/archive-metrics.js'
import { createBooksMetrics } from './books/books-metrics.js'
import { createJanitorMetrics } from './janitor/janitor-metrics.js'
import { createLagMetrics } from './lag/lag-metrics.js'
import { createGauges } from './store-figures.js'
import { createTallyMetrics } from './tally/tally-metrics.js'

export { BOOKS } from './books/books-metrics.js'
export { BOOK_STATES } from './books/event-books.js'
export { SINKS } from './lag/lag-metrics.js'
export { DISKS } from './store-figures.js'

/** Every metric of a processor, of one in which nothing ever happens. */
export const describeMetrics = (): Registry => {
  const registry = createMetrics()
  createTallyMetrics(registry, () => 0)
  createArchiveMetrics(registry)
  createJanitorMetrics(registry)
  createBooksMetrics(registry)
  createLagMetrics(registry, 0)
  createGauges(registry)
  createHalts(registry)
  createLeaseMetrics(registry, [], [])
  watchRefusals(registry, { refused: () => 0 })
  const counts = { exported: 0, droppedFull: 0, droppedFailed: 0, waiting: 0 }
  watchSpans(registry, { counts, refused: () => 0 })
  watchQueues(registry, { archive_rows: { depth: () => 0, bound: 0, refused: () => 0 } })
  const silent = () => new Promise(() => undefined)
  watchStores({ registry, probes: { nats: silent, redis: silent, clickhouse: silent } })()
  return registry
}
