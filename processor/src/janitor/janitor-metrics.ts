import type { Shard } from '@votestream/schema/numbers'
import { Counter, Gauge, type Registry } from 'prom-client'

/** What operators see of the log's length. */
export interface JanitorMetrics {
  seen(shard: Shard, log: { readonly firstSequence: number; readonly bytes: number }): void
  purged(shard: Shard, messages: number): void
}

export const createJanitorMetrics = (registry: Registry): JanitorMetrics => {
  const common = { registers: [registry], labelNames: ['shard'] as const }
  const first = new Gauge({
    ...common,
    name: 'votestream_log_first_sequence',
    help: 'The oldest message that the log of a shard still holds',
  })
  const bytes = new Gauge({ ...common, name: 'votestream_log_bytes', help: 'Size of the log of a shard' })
  const purged = new Counter({
    ...common,
    name: 'votestream_log_purged_messages_total',
    help: 'Messages of the log of a shard that retention purged',
  })
  return {
    seen(shard, log) {
      first.set({ shard }, log.firstSequence)
      bytes.set({ shard }, log.bytes)
    },
    purged: (shard, messages) => purged.inc({ shard }, messages),
  }
}
