import type { ContestantIndex, EventNumber, VoterNumber } from './numbers.js'
import type { LogMessage } from './votes.js'

/** What became of an event's entries in one shard's log: entries = counted + rejected + superseded. */
export interface Books {
  entries: number
  counted: number
  /** Flagged, or behind the closing. */
  rejected: number
  /** The voter has an earlier entry. */
  superseded: number
  /** Votes that count, by contestant. */
  readonly totals: Map<ContestantIndex, number>
}

export const emptyBooks = (): Books => ({
  entries: 0,
  counted: 0,
  rejected: 0,
  superseded: 0,
  totals: new Map(),
})

export interface Replay {
  /** To be called with every message of one shard's log, in order. */
  apply(message: LogMessage): void
  readonly books: ReadonlyMap<EventNumber, Books>
}

/**
 * The rules of counting, said as plainly as can be, to judge what Redis and ClickHouse say: it shares no code
 * with what writes there. It holds every voter of one shard in memory: up to 16 million of an event.
 */
export const createReplay = (): Replay => {
  const books = new Map<EventNumber, Books>()
  const voters = new Map<EventNumber, Set<VoterNumber>>()
  const closed = new Set<EventNumber>()

  const found = <Value>(map: Map<EventNumber, Value>, event: EventNumber, make: () => Value): Value => {
    const value = map.get(event) ?? make()
    map.set(event, value)
    return value
  }

  return {
    books,
    apply(message) {
      for (const { event, voter, contestant, flags } of message.votes) {
        const book = found(books, event, emptyBooks)
        const voted = found(voters, event, () => new Set<VoterNumber>())
        book.entries += 1
        if (voted.has(voter)) {
          book.superseded += 1
        } else if (flags !== 0 || closed.has(event)) {
          book.rejected += 1
        } else {
          book.counted += 1
          book.totals.set(contestant, (book.totals.get(contestant) ?? 0) + 1)
        }
        voted.add(voter)
      }
      for (const { event } of message.closings) closed.add(event)
    },
  }
}
