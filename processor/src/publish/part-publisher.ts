import type { Nats } from '@votestream/infra/nats'
import { type TraceContext, traceParentOf } from '@votestream/infra/telemetry/trace-context'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { leaderboardSubject } from '@votestream/schema/subjects'
import type { Tally } from '@votestream/schema/tally'
import { type BoardPart, boardPart, TRACES_SHOWN_MAX } from '@votestream/schema/votes'
import type { LogTraces } from '../log-traces.js'
import type { EarliestVote } from '../tally/stretch.js'

/** Publishes each shard's part of a board, the latest one at most once per event, shard and tick. */
export interface PartPublisher {
  /**
   * Takes the tallies that a stretch of the log touched. They may never be published: later ones replace them, and
   * tell since when the earliest of them has been waiting to be shown.
   * @param news what is told of the change beside its totals
   */
  offer(shard: Shard, generation: string, tallies: ReadonlyMap<EventNumber, Tally>, news?: TallyNews): void
  stop(): void
}

export interface TallyNews {
  /** When Redis had taken it, by the broker's clock; 0 or missing: not told. */
  readonly appliedAtMs?: number | undefined
  /** Of the votes in it. */
  readonly earliest?: ReadonlyMap<EventNumber, EarliestVote>
  /** What the first sampled votes in it go on from, by event. */
  readonly traces?: ReadonlyMap<EventNumber, readonly TraceContext[]>
}

/** A part, and what the sampled votes go on from that no part before it showed. */
interface WaitingPart {
  readonly part: BoardPart
  readonly traces: readonly TraceContext[]
}

interface PartPublisherOptions {
  readonly publish: (event: EventNumber, part: BoardPart, traces: readonly TraceContext[]) => void
  readonly tickMs: number
}

export const createPartPublisher = ({ publish, tickMs }: PartPublisherOptions): PartPublisher => {
  // Bounded by the events that are voted in within one tick.
  const latest = new Map<string, WaitingPart>()
  let timer: NodeJS.Timeout | undefined

  /** Sends what waits; a tick that finds nothing is the last one. */
  const tick = (): void => {
    timer = latest.size > 0 ? setTimeout(tick, tickMs) : undefined
    for (const { part, traces } of latest.values()) publish(part.event, part, traces)
    latest.clear()
  }

  return {
    offer(shard, generation, tallies, { appliedAtMs = 0, earliest, traces } = {}) {
      for (const [event, { totals, sequence, ackedAtMs }] of tallies) {
        const key = `${shard}.${event}`
        const before = latest.get(key)
        const vote = earliest?.get(event)
        const part = {
          event,
          shard,
          generation,
          sequence,
          totals: [...totals],
          ackedAtMs,
          appliedAtMs: before?.part.appliedAtMs || appliedAtMs,
          earliestAckedAtMs: before?.part.earliestAckedAtMs || vote?.ackedAtMs || 0,
          clientAtMs: before?.part.clientAtMs || vote?.clientAtMs || 0,
        }
        latest.set(key, { part, traces: joinTraces(before?.traces, traces?.get(event)) })
      }
      if (!timer) tick()
    },
    stop() {
      clearTimeout(timer)
    },
  }
}

const NO_TRACES: readonly TraceContext[] = []

const joinTraces = (
  earlier: readonly TraceContext[] = NO_TRACES,
  later: readonly TraceContext[] = NO_TRACES,
): readonly TraceContext[] => {
  if (later.length === 0) return earlier
  return [...earlier, ...later].slice(0, TRACES_SHOWN_MAX)
}

/** Over NATS core, which has no replay: whoever missed a part reads it from Redis. */
export const publishPart =
  (nats: Pick<Nats, 'connection'>, logTraces?: Pick<LogTraces, 'publish'>): PartPublisherOptions['publish'] =>
  (event, part, traces) => {
    const stage = traces.length > 0 ? logTraces?.publish(event, part.shard, traces) : undefined
    const shown = stage ? { ...part, traces: stage.votes.map(traceParentOf) } : part
    nats.connection.publish(leaderboardSubject(event), boardPart.encode(shown))
    stage?.end()
  }
