import { Gauge, type Registry } from 'prom-client'
import { BOOK_STATES, type EventBooks, type EventRows } from './event-books.js'

export const BOOKS = ['redis', 'clickhouse'] as const

/** What operators see of the books, of a few events. */
export interface BooksMetrics {
  /** @param event as clients know it */
  counted(event: string, redis: EventBooks): void
  compared(event: string, rows: EventRows, difference: number): void
  /** Nothing is said of any other event from now on. */
  keep(events: readonly string[]): void
}

/**
 * Redis's own counters against the number of ClickHouse's rows, both as of the same message of each shard's log. So a vote
 * that one of them lost or has twice is seen, and counters that do not add up. Not seen are two faults that cancel each
 * other out, a vote that counts for another contestant, and one that both lack although it is in the log: `npm run
 * reconcile` reads the log for that.
 */
export const createBooksMetrics = (registry: Registry): BooksMetrics => {
  const registers = [registry]
  const votes = new Gauge({
    registers,
    name: 'votestream_books_votes',
    help: 'Entries of the log by what became of them, of the ten events that were voted in last: as Redis counted them, and as ClickHouse has rows of them',
    labelNames: ['event', 'book', 'state'],
  })
  const differences = new Gauge({
    registers,
    name: 'votestream_books_difference_votes',
    help: 'By how many entries the books of Redis and ClickHouse differ as of the same message of each log, or do not add up; 0: they agree',
    labelNames: ['event'],
  })
  let told = new Set<string>()
  return {
    counted(event, redis) {
      told.add(event)
      for (const state of BOOK_STATES) votes.set({ event, book: 'redis', state }, redis[state])
    },
    compared(event, { entries, dead }, difference) {
      told.add(event)
      votes.set({ event, book: 'clickhouse', state: 'entries' }, entries)
      votes.set({ event, book: 'clickhouse', state: 'dead' }, dead)
      differences.set({ event }, difference)
    },
    keep(events) {
      for (const event of told) {
        if (events.includes(event)) continue
        for (const state of BOOK_STATES) for (const book of BOOKS) votes.remove({ event, book, state })
        differences.remove({ event })
      }
      told = new Set([...told].filter((event) => events.includes(event)))
    },
  }
}
