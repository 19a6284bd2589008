import type { Shard } from '@votestream/schema/numbers'
import { Gauge, type Registry } from 'prom-client'

/** Shards whose log this process cannot go on with until somebody acts: never silently, and never past it. */
export interface Halts {
  /** Said again, it replaces what was said before. */
  set(role: string, shard: Shard, why: string): void
  clear(role: string, shard: Shard): void
  /** A sentence for each, for a service's readiness; empty: everything goes on. */
  list(): readonly string[]
}

export const createHalts = (registry: Registry): Halts => {
  const sentences = new Map<string, string>()
  const gauge = new Gauge({
    name: 'votestream_shard_halted',
    help: '1 while a shard stands still before a message of its log that this version cannot read',
    labelNames: ['role', 'shard'],
    registers: [registry],
  })
  return {
    set(role, shard, why) {
      sentences.set(`${role}.${shard}`, `${role} of shard ${shard} halted: ${why}`)
      gauge.set({ role, shard }, 1)
    },
    clear(role, shard) {
      sentences.delete(`${role}.${shard}`)
      gauge.set({ role, shard }, 0)
    },
    list: () => [...sentences.values()],
  }
}
