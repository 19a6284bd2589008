import type { EventNumber } from '@votestream/schema/numbers'

/** The events that something was counted of last. */
export interface RecentEvents {
  touch(events: Iterable<EventNumber>): void
  /** The latest one last. */
  list(): EventNumber[]
}

/** @param max how many are remembered */
export const createRecentEvents = (max: number): RecentEvents => {
  const recent = new Set<EventNumber>()
  return {
    touch(events) {
      for (const event of events) {
        recent.delete(event)
        recent.add(event)
      }
      for (const event of recent) {
        if (recent.size <= max) return
        recent.delete(event)
      }
    },
    list: () => [...recent],
  }
}
