import { Counter, Gauge, type Registry } from 'prom-client'
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
}

export const NO_METRICS: LiveMetrics = {
  made: () => undefined,
  shown: () => undefined,
  skipped: () => undefined,
  dropped: () => undefined,
}

/** Messages less what was made for them is the work that sharing saved. */
export const createLiveMetrics = (registry: Registry): LiveMetrics => {
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
  return {
    made: () => made.inc(),
    shown: (messages) => shown.inc(messages),
    skipped: (messages) => skipped.inc(messages),
    dropped: () => dropped.inc(),
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
