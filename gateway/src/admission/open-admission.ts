import { randomUUID } from 'node:crypto'
import type { Lifecycle } from '@votestream/infra/lifecycle'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import { openPlanBuckets } from '@votestream/infra/streams'
import type { Registry } from 'prom-client'
import type { ClientAddresses } from '../client-address.js'
import { type GatewayEnvironment, limitsOf } from '../environment.js'
import type { createGatewayMetrics } from '../gateway-metrics.js'
import type { Store } from '../store.js'
import type { Tokens } from '../tokens.js'
import { createAdmission } from './admission.js'
import { watchApiKeys } from './api-keys.js'
import { createBucketShares } from './bucket-shares.js'
import { watchUsages } from './key-metrics.js'
import { createKeyUsage } from './key-usage.js'
import { createQuotaLedger } from './quota-ledger.js'
import { createQuotas } from './quotas.js'
import { createRedisBuckets } from './redis-buckets.js'
import { createUsagePlans } from './usage-plans.js'

interface AdmissionDeps {
  readonly nats: Nats
  readonly redis: Redis
  readonly store: Store
  readonly registry: Registry
  readonly metrics: Pick<ReturnType<typeof createGatewayMetrics>, 'admission' | 'keys'>
  readonly tokens: Pick<Tokens, 'verify'>
  readonly addressOf: ClientAddresses['of']
  /** The broker's clock. */
  readonly now: () => number
  readonly logger: Logger
  readonly onStop: Lifecycle['onStop']
}

/** Everything by which a request is let in: usage plans, API keys and their quotas, and limits shared with other gateways. */
export const openAdmission = async (environment: GatewayEnvironment, deps: AdmissionDeps) => {
  const { nats, redis, store, registry, metrics, tokens, addressOf, now, logger, onStop } = deps
  const buckets = await openPlanBuckets(nats, environment.NATS_REPLICAS)
  const apiKeys = await watchApiKeys({
    bucket: buckets.usagePlans,
    required: environment.API_KEY_REQUIRED,
    now,
    logger,
    metrics: metrics.keys,
  })
  onStop('API keys', apiKeys.stop)
  const ledger = createQuotaLedger(buckets.quotas, nats, store)
  const quotas = createQuotas({ ledger, now, logger, metrics: metrics.keys })
  onStop('quotas', quotas.stop)
  watchUsages(registry, quotas.usages)
  const shared = createRedisBuckets(redis, randomUUID())
  // The workers beside this one are known of; others are heard of with the first answer.
  const shares = createBucketShares({ shared, logger, replicas: environment.GATEWAY_WORKERS })
  const limits = limitsOf(environment)
  const admission = createAdmission({
    limits,
    shares,
    tokens,
    addressOf,
    metrics: metrics.admission,
    keys: apiKeys,
    quotas,
  })
  await shares.start()
  onStop('limits', async () => {
    shares.stop()
    await shared.leave().catch(() => undefined)
  })
  const usagePlans = createUsagePlans({ bucket: buckets.usagePlans, store, now })
  return { admission, apiKeys, usagePlans, keyUsage: createKeyUsage(ledger, now) }
}
