import assert from 'node:assert/strict'
import { eventNumber } from '@votestream/schema/numbers'
import { Registry } from 'prom-client'
import { createBooksMetrics } from '../../src/books/books-metrics.js'
import { differenceOf } from '../../src/books/event-books.js'
import { createRecentEvents } from '../../src/books/recent-events.js'

const books = { entries: 10, counted: 6, rejected: 2, superseded: 1, dead: 1 }

describe('the books that are kept while votes come', () => {
  it('differ by what one side lacks, by what is dead on one side alone, and by what no state accounts for', () => {
    assert.equal(differenceOf(books, { entries: 10, dead: 1 }), 0)
    assert.equal(differenceOf(books, { entries: 7, dead: 1 }), 3)
    assert.equal(differenceOf(books, { entries: 12, dead: 1 }), 2)
    assert.equal(differenceOf(books, { entries: 10, dead: 0 }), 1)
    assert.equal(differenceOf({ ...books, counted: 5 }, { entries: 10, dead: 1 }), 1)
  })

  it('are told of the events that were voted in last, so many and no more', () => {
    const recent = createRecentEvents(3)
    for (const number of [1, 2, 3, 1, 4]) recent.touch([eventNumber(number)])
    assert.deepEqual(recent.list(), [3, 1, 4])
  })

  it('are told no more of an event that others have replaced', async () => {
    const registry = new Registry()
    const metrics = createBooksMetrics(registry)
    for (const event of ['one', 'other']) {
      metrics.counted(event, books)
      metrics.compared(event, { entries: 9, dead: 1 }, 1)
    }
    metrics.keep(['other'])
    const text = await registry.metrics()
    assert.doesNotMatch(text, /"one"/)
    assert.match(text, /^votestream_books_votes\{event="other",book="redis",state="superseded"\} 1$/m)
    assert.match(text, /^votestream_books_votes\{event="other",book="clickhouse",state="entries"\} 9$/m)
    assert.match(text, /^votestream_books_difference_votes\{event="other"\} 1$/m)
  })
})
