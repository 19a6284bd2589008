import { LATENCY_BUCKETS_SECONDS } from '@votestream/infra/latency-buckets'
import { createHistograms } from '@votestream/infra/metrics/histograms'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { BoardNews } from '../board.js'
import { traceIdsOf } from './board-traces.js'
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
   */
  fannedOut(viewer: ViewerPlace, since: BoardNews): void
}

const VIEWERS = ['first', 'middle', 'last'] as const
export type ViewerPlace = (typeof VIEWERS)[number]

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
 *
 * End to end counts to the same moments: from the acknowledgement of the earliest vote that a board shows first, and from
 * that vote's sending, by its client's own clock where that is believable.
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
  const common = { registry, buckets: LATENCY_BUCKETS_SECONDS }
  const fanout = createHistograms(
    {
      ...common,
      name: 'votestream_fanout_seconds',
      help: 'From Redis having applied a change to its being handed to the socket of the first, the middle and the last of those who watch; each sending to all of them counts once for each of the three',
    },
    'viewer',
    VIEWERS,
  )
  const endToEnd = createHistograms(
    {
      ...common,
      name: 'votestream_end_to_end_seconds',
      help: 'To a board being handed to the socket of the first, the middle and the last of those who watch, from the earliest vote that it is the first to show: from its acknowledgement, or from its sending by its client’s clock, where that is no later than the acknowledgement and at most 60 s before it',
    },
    'from',
    ['acked_at', 'client'],
  )
  const secondsSince = (atMs: number): number => Math.max(0, now() - atMs) / 1_000
  return {
    made: () => made.inc(),
    shown: (messages) => shown.inc(messages),
    skipped: (messages) => skipped.inc(messages),
    dropped: () => dropped.inc(),
    fannedOut(viewer, { appliedAtMs, earliestAckedAtMs, clientAtMs, traces }) {
      const traceId = traces ? traceIdsOf(traces)[0] : undefined
      if (appliedAtMs) fanout[viewer].observe(secondsSince(appliedAtMs), traceId)
      if (earliestAckedAtMs) endToEnd.acked_at.observe(secondsSince(earliestAckedAtMs), traceId)
      if (clientAtMs) endToEnd.client.observe(secondsSince(clientAtMs), traceId)
    },
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
