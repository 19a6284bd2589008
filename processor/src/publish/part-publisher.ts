import type { Nats } from '@votestream/infra/nats'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { leaderboardSubject } from '@votestream/schema/subjects'
import type { Tally } from '@votestream/schema/tally'
import { type BoardPart, boardPart } from '@votestream/schema/votes'

/** Publishes each shard's part of a board, the latest one at most once per event, shard and tick. */
export interface PartPublisher {
  /**
   * Takes the tallies that a stretch of the log touched. They may never be published: later ones replace them, and
   * tell since when the earliest of them has been waiting to be shown.
   * @param appliedAtMs when Redis had taken them, by the broker's clock; 0: not told
   */
  offer(
    shard: Shard,
    generation: string,
    tallies: ReadonlyMap<EventNumber, Tally>,
    appliedAtMs?: number,
  ): void
  stop(): void
}

interface PartPublisherOptions {
  readonly publish: (event: EventNumber, part: BoardPart) => void
  readonly tickMs: number
}

export const createPartPublisher = ({ publish, tickMs }: PartPublisherOptions): PartPublisher => {
  // Bounded by the events that are voted in within one tick.
  const latest = new Map<string, BoardPart>()
  let timer: NodeJS.Timeout | undefined

  /** Sends what waits; a tick that finds nothing is the last one. */
  const tick = (): void => {
    timer = latest.size > 0 ? setTimeout(tick, tickMs) : undefined
    for (const part of latest.values()) publish(part.event, part)
    latest.clear()
  }

  return {
    offer(shard, generation, tallies, appliedAtMs = 0) {
      for (const [event, { totals, sequence, ackedAtMs }] of tallies) {
        const key = `${shard}.${event}`
        latest.set(key, {
          event,
          shard,
          generation,
          sequence,
          totals: [...totals],
          ackedAtMs,
          appliedAtMs: latest.get(key)?.appliedAtMs || appliedAtMs,
        })
      }
      if (!timer) tick()
    },
    stop() {
      clearTimeout(timer)
    },
  }
}

/** Over NATS core, which has no replay: whoever missed a part reads it from Redis. */
export const publishPart =
  (nats: Nats) =>
  (event: EventNumber, part: BoardPart): void =>
    nats.connection.publish(leaderboardSubject(event), boardPart.encode(part))
