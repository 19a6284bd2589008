import type { ReadMessage } from '@votestream/schema/log-entries'
import type { ContestantIndex, EventNumber } from '@votestream/schema/numbers'
import { type Books, createReplay, emptyBooks } from '@votestream/schema/replay'

/** A place in a shard's log at which somebody else's books of some events were read. */
export interface Cut {
  /** The last message that belongs to it. */
  readonly sequence: number
  readonly holds: (event: EventNumber) => boolean
}

/** What stands in the log about an event, whatever became of it. */
export interface Rows {
  readonly votes: number
  readonly closings: number
  readonly decisions: number
  readonly dead: number
}

export const NO_ROWS: Rows = { votes: 0, closings: 0, decisions: 0, dead: 0 }

export interface EventAtCut {
  readonly books: Books
  readonly rows: Rows
}

export type EventsAtCut = ReadonlyMap<EventNumber, EventAtCut>

export interface CutReplay {
  /** To be called with every message of one shard's log, in order. */
  apply(sequence: number, message: ReadMessage): void
  /** When the log was read as far as the last cut. @returns for each cut, in the order given, its events. */
  finish(): readonly EventsAtCut[]
  /** The messages that have something dead in them. */
  readonly deadMessages: readonly number[]
}

/**
 * One pass over a shard's log that takes the books of the events asked for exactly where each was asked for: so
 * sources that were read at different moments are each compared with the log as of their own.
 *
 * It holds what the replay holds (every voter of the shard), a copy of an event's books for each cut that holds
 * it, and the sequences of the messages with something dead in them.
 */
export const createCutReplay = (cuts: readonly Cut[]): CutReplay => {
  const replay = createReplay()
  const rows = new Map<EventNumber, { -readonly [What in keyof Rows]: number }>()
  const deadMessages: number[] = []
  const taken: EventsAtCut[] = cuts.map(() => new Map())
  const waiting = cuts.map((cut, index) => ({ cut, index })).sort((a, b) => a.cut.sequence - b.cut.sequence)

  const take = ({ holds }: Cut): EventsAtCut => {
    // A decision about nobody's vote makes no books, and is a row all the same.
    const events = [...new Set([...replay.books.keys(), ...rows.keys()])].filter(holds)
    return new Map(
      events.map((event) => [
        event,
        { books: copyOf(replay.books.get(event) ?? emptyBooks()), rows: { ...(rows.get(event) ?? NO_ROWS) } },
      ]),
    )
  }
  const takeBefore = (sequence: number): void => {
    for (let first = waiting[0]; first && first.cut.sequence < sequence; first = waiting[0]) {
      taken[first.index] = take(first.cut)
      waiting.shift()
    }
  }
  const note = (what: keyof Rows, entries: readonly { readonly event: EventNumber }[]): void => {
    for (const { event } of entries) {
      const count = rows.get(event) ?? { ...NO_ROWS }
      rows.set(event, count)
      count[what] += 1
    }
  }

  return {
    deadMessages,
    apply(sequence, message) {
      takeBefore(sequence)
      replay.apply(message)
      note('votes', message.votes)
      note('closings', message.closings)
      note('decisions', message.decisions)
      note('dead', message.dead)
      if (message.dead.length > 0) deadMessages.push(sequence)
    },
    finish() {
      takeBefore(Number.POSITIVE_INFINITY)
      return taken
    },
  }
}

const copyOf = (books: Books): Books => ({
  ...books,
  totals: new Map(books.totals),
  windows: new Map([...books.windows].map(([startMs, votes]) => [startMs, new Map(votes)])),
})

/** The books of an event that nothing was said of. */
export const NOTHING: EventAtCut = { books: emptyBooks(), rows: NO_ROWS }

export type Windows = ReadonlyMap<number, ReadonlyMap<ContestantIndex, number>>

/** Windows put together into longer ones. */
export const windowsOf = (windows: Windows, lengthMs: number): Windows => {
  const longer = new Map<number, Map<ContestantIndex, number>>()
  for (const [startMs, votes] of windows) {
    const start = startMs - (startMs % lengthMs)
    const sum = longer.get(start) ?? new Map<ContestantIndex, number>()
    longer.set(start, sum)
    for (const [contestant, count] of votes) sum.set(contestant, (sum.get(contestant) ?? 0) + count)
  }
  return longer
}
