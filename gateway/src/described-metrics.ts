import { createMetrics } from '@votestream/infra/health-server'
import { createLogger } from '@votestream/infra/logging'
import { type QueueFigures, watchQueues } from '@votestream/infra/metrics/queues'
import { watchStores } from '@votestream/infra/metrics/store-health'
import { watchRefusals } from '@votestream/infra/nats-refusals'
import { watchSpans } from '@votestream/infra/telemetry/telemetry'
import type { Registry } from 'prom-client'
import { watchUsages } from './admission/key-metrics.js'
import { createGatewayMetrics } from './gateway-metrics.js'
import { inertOperations } from './inert.js'
import { watchLive } from './live/live-metrics.js'
import { createRumMetrics } from './rum/rum-metrics.js'
import { createSecurityEvents } from './security-events.js'

export { APIS } from './admission/limits.js'
export { POLICY } from './policy.js'
export { DOCUMENT_CODES, OTHER_OPERATIONS } from './request-metrics.js'
export { RUM_ERROR_KINDS, RUM_MEASURES } from './rum/rum-beacon.js'
export { BEACON_RESULTS } from './rum/rum-metrics.js'
export { SECURITY_EVENTS } from './security-events.js'

/** Every metric of a gateway, of one in which nothing ever happens. */
export const describeMetrics = (): Registry => {
  const registry = createMetrics()
  const empty: QueueFigures = { depth: () => 0, bound: 0, refused: () => 0 }
  createGatewayMetrics(registry, () => 0)
  createSecurityEvents({ logger: createLogger('metrics', 'silent'), registry })
  watchRefusals(registry, { refused: () => 0 })
  const counts = { exported: 0, droppedFull: 0, droppedFailed: 0, waiting: 0 }
  watchSpans(registry, { counts, refused: () => 0 })
  watchUsages(registry, () => [])
  createRumMetrics(registry)
  watchLive(registry, inertOperations())
  watchQueues(registry, { votes: empty, connections: empty, passwords: empty })
  const silent = () => new Promise(() => undefined)
  watchStores({ registry, probes: { nats: silent, redis: silent } })()
  return registry
}
