import type { Shard } from '@votestream/schema/numbers'
import { Counter, Gauge, type Registry } from 'prom-client'

/** What operators see of the log's length. */
export interface JanitorMetrics {
  /** @param log bytesMax: 0 or below where the stream has no limit */
  seen(
    shard: Shard,
    log: { readonly firstSequence: number; readonly bytes: number; readonly bytesMax: number },
  ): void
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
  const bytesMax = new Gauge({
    ...common,
    name: 'votestream_log_max_bytes',
    help: 'What the log of a shard may take before it refuses votes; 0: its stream has no limit of its own',
  })
  const purged = new Counter({
    ...common,
    name: 'votestream_log_purged_messages_total',
    help: 'Messages of the log of a shard that retention purged',
  })
  return {
    seen(shard, log) {
      first.set({ shard }, log.firstSequence)
      bytes.set({ shard }, log.bytes)
      bytesMax.set({ shard }, Math.max(0, log.bytesMax))
    },
    purged: (shard, messages) => purged.inc({ shard }, messages),
  }
}
