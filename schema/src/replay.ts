import type { DeadEntry } from './log-entries.js'
import type { ContestantIndex, EventNumber, VoterNumber } from './numbers.js'
import { WINDOW_MS } from './redis-keys.js'
import { type LogMessage, VERDICT } from './votes.js'

/** What became of an event's entries in one shard's log: entries = counted + rejected + superseded + dead. */
export interface Books {
  entries: number
  counted: number
  /** Flagged, behind the closing, or by an operator's decision. */
  rejected: number
  /** The voter has an earlier entry. */
  superseded: number
  /** Nobody could count it: see log-entries. */
  dead: number
  /** Votes that count, by contestant. */
  readonly totals: Map<ContestantIndex, number>
  /** The same by window: start in milliseconds since 1970, WINDOW_MS long, by `acked_at`. */
  readonly windows: Map<number, Map<ContestantIndex, number>>
}

export const emptyBooks = (): Books => ({
  entries: 0,
  counted: 0,
  rejected: 0,
  superseded: 0,
  dead: 0,
  totals: new Map(),
  windows: new Map(),
})

export interface Replay {
  /** To be called with every message of one shard's log, in order. */
  apply(message: LogMessage & { readonly dead?: readonly DeadEntry[] }): void
  readonly books: ReadonlyMap<EventNumber, Books>
}

/**
 * The rules of counting, said as plainly as can be, to judge what Redis and ClickHouse say: it shares no code
 * with what writes there. It holds every voter of one shard in memory: up to 16 million of an event.
 */
export const createReplay = (): Replay => {
  const books = new Map<EventNumber, Books>()
  /** Whether the first entry of each voter counts. */
  const voters = new Map<EventNumber, Map<VoterNumber, boolean>>()
  const closed = new Set<EventNumber>()

  const bookOf = (event: EventNumber): Books => {
    const book = books.get(event) ?? emptyBooks()
    books.set(event, book)
    return book
  }

  const count = (book: Books, contestant: ContestantIndex, atMs: number, votes: 1 | -1): void => {
    book.counted += votes
    add(book.totals, contestant, votes)
    const startMs = atMs - (atMs % WINDOW_MS)
    const window = book.windows.get(startMs) ?? new Map<ContestantIndex, number>()
    book.windows.set(startMs, window)
    add(window, contestant, votes)
  }

  return {
    books,
    apply({ votes, closings, decisions, dead = [] }) {
      for (const { event, voter, contestant, flags, ackedAtMs } of votes) {
        const book = bookOf(event)
        const voted = voters.get(event) ?? new Map<VoterNumber, boolean>()
        voters.set(event, voted)
        book.entries += 1
        if (voted.has(voter)) {
          book.superseded += 1
          continue
        }
        const counts = flags === 0 && !closed.has(event)
        voted.set(voter, counts)
        if (counts) count(book, contestant, ackedAtMs, 1)
        else book.rejected += 1
      }
      for (const { event } of closings) {
        bookOf(event)
        closed.add(event)
      }
      for (const { event, voter, contestant, votedAtMs, verdict } of decisions) {
        const admits = verdict === VERDICT.admit
        const counts = voters.get(event)?.get(voter)
        // About nobody's vote, or as it is already.
        if (counts === undefined || counts === admits) continue
        voters.get(event)?.set(voter, admits)
        const book = bookOf(event)
        book.rejected += admits ? -1 : 1
        count(book, contestant, votedAtMs, admits ? 1 : -1)
      }
      for (const { event } of dead) {
        const book = bookOf(event)
        book.entries += 1
        book.dead += 1
      }
    },
  }
}

/** Nothing is kept that adds up to nothing. */
const add = (totals: Map<ContestantIndex, number>, contestant: ContestantIndex, votes: number): void => {
  const total = (totals.get(contestant) ?? 0) + votes
  if (total === 0) totals.delete(contestant)
  else totals.set(contestant, total)
}
