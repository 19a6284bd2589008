import type { Shard } from '@votestream/schema/numbers'
import { Counter, Gauge, type Registry } from 'prom-client'

export const LEASE_CHANGES = ['taken', 'lost', 'given_back'] as const
export type LeaseChange = (typeof LEASE_CHANGES)[number]

/** What operators see of who works on which shard. */
export interface LeaseMetrics {
  changed(role: string, shard: Shard, change: LeaseChange): void
}

export const NO_LEASE_METRICS: LeaseMetrics = { changed: () => undefined }

/** @param roles that this process may have leases for */
export const createLeaseMetrics = (
  registry: Registry,
  roles: readonly string[],
  shards: readonly Shard[],
): LeaseMetrics => {
  const held = new Gauge({
    registers: [registry],
    name: 'votestream_lease_held',
    help: '1 while this process has the lease of a shard; over all processes the sum is 1, or 0 while nobody works on it',
    labelNames: ['role', 'shard'],
  })
  const changes = new Counter({
    registers: [registry],
    name: 'votestream_lease_changes_total',
    help: 'Leases that came and went: taken, lost (it ran out, or is somebody else’s), or given back in order',
    labelNames: ['role', 'shard', 'change'],
  })
  for (const role of roles) {
    for (const shard of shards) {
      held.set({ role, shard }, 0)
      for (const change of LEASE_CHANGES) changes.inc({ role, shard, change }, 0)
    }
  }
  return {
    changed(role, shard, change) {
      held.set({ role, shard }, change === 'taken' ? 1 : 0)
      changes.inc({ role, shard, change })
    },
  }
}
