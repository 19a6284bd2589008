import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Broadcasts } from './broadcasts.js'
import type { LiveConnections } from './open-counts.js'

/** What operators see of the live viewers. */
export interface LiveMetrics {
  /** Something was made, to be shown to everybody who asked for the same. */
  made(): void
  shown(messages: number): void
  /** Who did not read in time was not shown it; the next one it gets is the latest. */
  skipped(messages: number): void
  dropped(): void
  /**
   * A change was handed to the socket of one of those who watch it, in the order in which they are sent it: three
   * observations for each sending tell of all, whatever their number.
   * @param appliedAtMs when Redis took the change, by the broker's clock
   */
  fannedOut(viewer: ViewerPlace, appliedAtMs: number): void
}

export type ViewerPlace = 'first' | 'middle' | 'last'

export const NO_METRICS: LiveMetrics = {
  made: () => undefined,
  shown: () => undefined,
  skipped: () => undefined,
  dropped: () => undefined,
  fannedOut: () => undefined,
}

/**
 * Messages less what was made for them is the work that sharing saved.
 *
 * Fan-out counts from the earliest change that a board shows first, so what waits for a tick, or behind a board that is
 * still being sent, counts as long as it waited. Its two ends are told by two processes' views of the broker's clock, each
 * off by half a round trip to it at most; what that makes negative is 0. How long a frame is under way to its viewer is
 * not in it.
 * @param now the broker's clock
 */
export const createLiveMetrics = (registry: Registry, now: () => number): LiveMetrics => {
  const registers = [registry]
  const made = new Counter({
    registers,
    name: 'votestream_live_made_total',
    help: 'Answers that were executed and written, once for everybody who asked for the same',
  })
  const shown = new Counter({
    registers,
    name: 'votestream_live_messages_total',
    help: 'Answers that were sent to viewers',
  })
  const skipped = new Counter({
    registers,
    name: 'votestream_live_skipped_total',
    help: 'Answers that a viewer who did not read was not sent',
  })
  const dropped = new Counter({
    registers,
    name: 'votestream_live_dropped_total',
    help: 'Viewers who did not read for too long, and were disconnected',
  })
  const fanout = new Histogram({
    registers: [registry],
    name: 'votestream_fanout_seconds',
    help: 'From Redis having applied a change to its being handed to the socket of the first, the middle and the last of those who watch; each sending to all of them counts once for each of the three',
    labelNames: ['viewer'],
    buckets: [...LATENCY_BUCKETS_SECONDS],
  })
  return {
    made: () => made.inc(),
    shown: (messages) => shown.inc(messages),
    skipped: (messages) => skipped.inc(messages),
    dropped: () => dropped.inc(),
    fannedOut: (viewer, appliedAtMs) => fanout.observe({ viewer }, Math.max(0, now() - appliedAtMs) / 1_000),
  }
}

export const watchLive = (
  registry: Registry,
  live: { readonly broadcasts: Broadcasts; readonly connections: LiveConnections },
): void => {
  new Gauge({
    registers: [registry],
    name: 'votestream_live_connections',
    help: 'Sockets and streams of events that are open',
    collect() {
      this.set(live.connections.addresses.open)
    },
  })
  new Gauge({
    registers: [registry],
    name: 'votestream_live_groups',
    help: 'Different questions that somebody follows: each is executed once for a change',
    collect() {
      this.set(live.broadcasts.size)
    },
  })
}
