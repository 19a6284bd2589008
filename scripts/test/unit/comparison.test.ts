import assert from 'node:assert/strict'
import { allShards, type ContestantIndex, eventNumber, type Shard } from '@votestream/schema/numbers'
import type { Books } from '@votestream/schema/replay'
import {
  compareBooks,
  type EventReading,
  type MinutesReading,
  type ShardReading,
} from '../../src/books/comparison.js'
import { reconciliationDocument } from '../../src/books/document.js'
import { compareLetters } from '../../src/books/letters.js'
import { agrees, type ShardSummary } from '../../src/books/reconciliation.js'
import type { RedisEvent } from '../../src/books/redis-books.js'
import { report } from '../../src/books/report.js'

const EVENT = eventNumber(7)
const [FIRST, SECOND] = allShards(2) as [Shard, Shard]
const MINUTE = Date.UTC(2026, 5, 1, 12)
const POSITION = 10

const totalsOf = (votes: readonly number[]) =>
  new Map(votes.map((count, index) => [index as ContestantIndex, count]))

const book = (votes: readonly number[], rejected = 0, superseded = 0): Books => {
  const counted = votes.reduce((sum, count) => sum + count, 0)
  return {
    entries: counted + rejected + superseded,
    counted,
    rejected,
    superseded,
    dead: 0,
    windows: new Map([[MINUTE, totalsOf(votes)]]),
    totals: totalsOf(votes),
  }
}

const inRedis = (books: Books, fields: Partial<RedisEvent> = {}): RedisEvent => ({
  books,
  mustHaveWindow: () => true,
  isClosed: false,
  bits: {
    voted: books.counted + books.rejected,
    rejected: books.rejected,
    fromSequence: POSITION,
    toSequence: POSITION,
  },
  ...fields,
})

const atCut = (books: Books) => ({
  books,
  rows: { votes: books.entries - books.dead, closings: 0, decisions: 0, dead: books.dead },
})

const reading = (
  shard: Shard,
  books: Books,
  fields: Partial<EventReading> = {},
  minutes: Partial<MinutesReading> = {},
): ShardReading => ({
  shard,
  events: [
    {
      event: EVENT,
      sequence: POSITION,
      log: atCut(books),
      logAfterBits: undefined,
      logRows: atCut(books).rows,
      redis: inRedis(books),
      clickhouse: atCut(books),
      spansStreams: false,
      ...fields,
    },
  ],
  minutes: {
    sequence: POSITION + 1,
    windows: new Map([[EVENT, books.windows]]),
    log: new Map([[EVENT, books.windows]]),
    rows: new Map(),
    ...minutes,
  },
})

const compare = (...shards: ShardReading[]) => compareWith({}, ...shards)

const compareWith = (summary: Partial<ShardSummary>, ...shards: ShardReading[]) => {
  const events = compareBooks(shards)
  const reconciliation = {
    events,
    shards: shards.map(({ shard }) => ({
      shard,
      generation: '2026-06-01T00:00:00Z',
      firstSequence: 1,
      redis: { fromSequence: POSITION, toSequence: POSITION },
      minutesSequence: POSITION + 1,
      letters: undefined,
      earlierStreams: [],
      ...summary,
    })),
  }
  const names = new Map([[EVENT, { id: 'public', name: 'Final' }]])
  const found = events.flatMap(({ differences }) => differences)
  const document = reconciliationDocument(reconciliation, names)
  return { events, found, reconciliation, document, text: report(reconciliation, names) }
}

describe('Comparing the books', () => {
  it('agrees where log, Redis and ClickHouse say the same, and adds the shards up', () => {
    const { events, reconciliation, document, text } = compare(
      reading(FIRST, book([3, 4], 1, 2)),
      reading(SECOND, book([5, 0], 0, 1)),
    )
    assert.equal(agrees(reconciliation), true)
    assert.equal(document.agree, true)
    assert.equal(events[0]?.log?.counted, 12)
    assert.match(text, /7 +Final +16 +1 +3 +0 +12 +12 +12 +ok/)
    assert.match(text, /The books agree: 1 event\./)
  })

  it('names the contestant and the shard of one vote too few in Redis', () => {
    const { document, text } = compare(
      reading(FIRST, book([3, 4])),
      reading(SECOND, book([5, 6]), {
        redis: {
          ...inRedis(book([5, 6])),
          books: { ...book([5, 6]), totals: totalsOf([5, 5]), counted: 10 },
        },
      }),
    )
    assert.equal(document.agree, false)
    const place = { event: EVENT, event_id: 'public', name: 'Final', shard: SECOND, sequence: POSITION }
    assert.deepEqual(document.differences, [
      {
        ...place,
        what: 'counted',
        contestant: null,
        window: null,
        log: 11,
        redis: 10,
        clickhouse: 11,
        clickhouse_windows: null,
      },
      {
        ...place,
        what: 'votes of a contestant',
        contestant: 1,
        window: null,
        log: 6,
        redis: 5,
        clickhouse: 6,
        clickhouse_windows: null,
      },
    ])
    assert.match(text, /DIFFERENT/)
    assert.match(text, /7 +1 +10 +contestant 1 +6 +5 +6/)
  })

  it('sees a vote that stands with another contestant, though the sums are the same', () => {
    const { found } = compare(reading(FIRST, book([3, 4]), { clickhouse: atCut(book([4, 3])) }))
    assert.deepEqual(
      found.map(({ contestant }) => contestant),
      [0, 1],
    )
  })

  it('sees an event that only one of them knows', () => {
    const { found } = compare(reading(FIRST, book([1]), { redis: undefined }))
    assert.deepEqual(
      found.map(({ what, log, redis }) => [what, log, redis]),
      [
        ['entries', 1, 0],
        ['counted', 1, 0],
        ['votes of a contestant', 1, 0],
        ['bits of voters', 1, 0],
      ],
    )
  })

  it('names the window of Redis in which a vote is missing, and asks for none whose time is up', () => {
    const books = book([3])
    const fewer = { ...books, windows: new Map([[MINUTE, totalsOf([2])]]) }
    const { found, text } = compare(reading(FIRST, books, { redis: inRedis(fewer) }))
    assert.deepEqual(
      found.map(({ what, window, contestant, log, redis }) => ({ what, window, contestant, log, redis })),
      [
        {
          what: 'votes of a window',
          window: { startMs: MINUTE, lengthMs: 10_000 },
          contestant: 0,
          log: 3,
          redis: 2,
        },
      ],
    )
    assert.match(text, /contestant 0, 10 s from 2026-06-01T12:00:00Z +3 +2/)
    const old = inRedis({ ...books, windows: new Map() }, { mustHaveWindow: () => false })
    assert.deepEqual(compare(reading(FIRST, books, { redis: old })).found, [])
  })

  it('sees a missing bit of a voter, and one of a rejected vote', () => {
    const books = book([3], 2)
    const { bits } = inRedis(books)
    const redis = inRedis(books, { bits: { ...bits, voted: 4, rejected: 1 } })
    assert.deepEqual(
      compare(reading(FIRST, books, { redis })).found.map(({ what, log, redis }) => [what, log, redis]),
      [
        ['bits of voters', 5, 4],
        ['bits of rejected votes', 2, 1],
      ],
    )
  })

  it('bounds bits that were counted over a stretch of the log by both of its ends', () => {
    const counted = (voted: number) => {
      const bits = { voted, rejected: 0, fromSequence: POSITION, toSequence: POSITION + 5 }
      const redis = inRedis(book([3]), { bits })
      return compare(reading(FIRST, book([3]), { redis, logAfterBits: atCut(book([5])) })).found
    }
    for (const voted of [3, 4, 5]) assert.deepEqual(counted(voted), [])
    assert.deepEqual(
      [2, 6].map((voted) => counted(voted).map(({ log, redis }) => [log, redis])),
      [[[3, 2]], [[5, 6]]],
    )
  })

  it('sees a closing, and a decision, that a sink does not have', () => {
    const rows = { votes: 1, closings: 1, decisions: 2, dead: 0 }
    const { found } = compare(
      reading(FIRST, book([1]), {
        log: { books: book([1]), rows },
        logRows: rows,
        clickhouse: { books: book([1]), rows: { ...rows, decisions: 1 } },
      }),
    )
    assert.deepEqual(
      found.map(({ what, log, redis, clickhouse }) => [what, log, redis, clickhouse]),
      [
        ['closed', 1, 0, undefined],
        ['decisions in the log', 2, undefined, 1],
      ],
    )
  })

  it('compares the minutes of ClickHouse at their own message, those of an event without votes at the other included', () => {
    const windows = new Map([[EVENT, new Map([[MINUTE, totalsOf([3])]])]])
    const { found } = compareWith({}, { ...reading(FIRST, book([]), {}, { windows }), events: [] })
    assert.deepEqual(
      found.map(({ sequence, log, windows, window }) => [sequence, log, windows, window?.lengthMs]),
      [[POSITION + 1, 0, 3, 60_000]],
    )
  })

  it('compares a purged log by the entries that are left of it, and the sinks with each other, and says so', () => {
    const rows = (votes: number) => ({ votes, closings: 0, decisions: 0, dead: 0 })
    const purged = { log: undefined, logRows: rows(2) }
    const books = book([3, 4])
    const minutes = { log: new Map(), rows: new Map([[EVENT, books.windows]]) }
    const same = compareWith(
      { firstSequence: 5 },
      reading(FIRST, books, { ...purged, clickhouse: { books, rows: rows(2) } }, minutes),
    )
    assert.deepEqual(same.found, [])
    assert.match(same.text, /the log was purged and begins at message 5/)
    assert.match(same.text, /7 +Final .* purged +7 +7 +ok/)
    assert.equal(same.document.events[0]?.log, null)
    const fewer = compare(
      reading(FIRST, books, { ...purged, clickhouse: { books, rows: rows(1) } }, minutes),
      reading(SECOND, books, {
        ...purged,
        clickhouse: { books: book([2, 5]), rows: rows(2) },
      }),
    )
    assert.deepEqual(
      fewer.found.map(({ shard, what, log, redis, clickhouse }) => [shard, what, log, redis, clickhouse]),
      [
        [FIRST, 'votes in the log', 2, undefined, 1],
        [SECOND, 'votes of a contestant', undefined, 3, 2],
        [SECOND, 'votes of a contestant', undefined, 4, 5],
      ],
    )
  })

  it('compares only entries where ClickHouse also holds an earlier stream of the event, and says so', () => {
    const books = book([3])
    const clickhouse = { books: book([2], 0, 1), rows: atCut(books).rows }
    const minutes = { log: new Map(), rows: new Map([[EVENT, books.windows]]) }
    const earlierStreams = [{ generation: '2025-01-01', entries: 1, events: [EVENT] }]
    const { found, text } = compareWith(
      { earlierStreams },
      reading(FIRST, books, { clickhouse, spansStreams: true }, minutes),
    )
    assert.deepEqual(found, [])
    assert.match(text, /ClickHouse also holds 1 entries of a stream made 2025-01-01/)
  })

  it('names the messages that have something dead and no letter, and the letters of messages without', () => {
    const letters = compareLetters([1, 3, 5, 12], [3, 7, 13], { fromSequence: 2, toSequence: 10 })
    assert.deepEqual(letters, { log: 2, letters: 2, missing: [5], unexpected: [7] })
    const { reconciliation, text } = compareWith({ letters }, reading(FIRST, book([1])))
    assert.equal(agrees(reconciliation), false)
    assert.match(text, /2 in VOTES_DEAD: none for message 5; one for message 7, in which nothing is dead/)
    assert.match(text, /The books do not agree: 1 difference\./)
  })

  it('calls event 0 what it is', () => {
    const events = reading(FIRST, { ...book([]), entries: 1, dead: 1 }).events
    const { text } = compare({
      ...reading(FIRST, book([]), {}, { windows: new Map(), log: new Map() }),
      events: events.map((event) => ({ ...event, event: 0 as typeof EVENT })),
    })
    assert.match(text, /0 +unreadable messages +1 +0 +0 +1 +0 +0 +0 +ok/)
  })
})
