import assert from 'node:assert/strict'
import { allShards, type ContestantIndex, eventNumber, type Shard } from '@votestream/schema/numbers'
import type { Books } from '@votestream/schema/replay'
import { compareBooks, type ShardBooks } from '../../src/books/comparison.js'
import { agrees, report } from '../../src/books/report.js'

const EVENT = eventNumber(7)
const [FIRST, SECOND] = allShards(2) as [Shard, Shard]

const book = (votes: readonly number[], rejected = 0, superseded = 0): Books => {
  const counted = votes.reduce((sum, count) => sum + count, 0)
  return {
    entries: counted + rejected + superseded,
    counted,
    rejected,
    superseded,
    dead: 0,
    windows: new Map(),
    totals: new Map(votes.map((count, index) => [index as ContestantIndex, count])),
  }
}

const shardBooks = (shard: Shard, books: Books, fields: Partial<ShardBooks> = {}): ShardBooks => ({
  shard,
  position: 10,
  log: new Map([[EVENT, books]]),
  redis: new Map([[EVENT, books]]),
  clickhouse: new Map([[EVENT, books]]),
  windows: new Map([[EVENT, books.totals]]),
  entriesInLog: new Map([[EVENT, books.entries]]),
  entriesArchived: new Map([[EVENT, books.entries]]),
  ...fields,
})

const compare = (...shards: ShardBooks[]) => {
  const events = compareBooks(shards)
  const reconciliation = {
    events,
    shards: shards.map(({ shard, position, log }) => ({ shard, position, firstSequence: log ? 1 : 5 })),
  }
  return { events, reconciliation, text: report(reconciliation, new Map([[EVENT, 'Final']])) }
}

describe('Comparing the books', () => {
  it('agrees where log, Redis and ClickHouse say the same, and adds the shards up', () => {
    const { events, reconciliation, text } = compare(
      shardBooks(FIRST, book([3, 4], 1, 2)),
      shardBooks(SECOND, book([5, 0], 0, 1)),
    )
    assert.equal(agrees(reconciliation), true)
    assert.equal(events[0]?.log?.counted, 12)
    assert.match(text, /7 +Final +16 +1 +3 +12 +12 +12 +ok/)
    assert.match(text, /The books agree: 1 event\./)
  })

  it('names the contestant and the shard of one vote too few in Redis', () => {
    const { events, reconciliation, text } = compare(
      shardBooks(FIRST, book([3, 4])),
      shardBooks(SECOND, book([5, 6]), { redis: new Map([[EVENT, { ...book([5, 5]), entries: 11 }]]) }),
    )
    assert.equal(agrees(reconciliation), false)
    assert.deepEqual(events[0]?.differences, [
      {
        event: EVENT,
        shard: SECOND,
        what: 'counted',
        log: 11,
        redis: 10,
        clickhouse: 11,
        windows: undefined,
      },
      { event: EVENT, shard: SECOND, what: 'contestant 1', log: 6, redis: 5, clickhouse: 6, windows: 6 },
    ])
    assert.match(text, /DIFFERENT/)
  })

  it('sees a vote that stands with another contestant, though the sums are the same', () => {
    const { events } = compare(
      shardBooks(FIRST, book([3, 4]), { clickhouse: new Map([[EVENT, book([4, 3])]]) }),
    )
    assert.deepEqual(
      events[0]?.differences.map(({ what }) => what),
      ['contestant 0', 'contestant 1'],
    )
  })

  it('sees an event that only one of them knows', () => {
    const { events } = compare(shardBooks(FIRST, book([1]), { redis: new Map() }))
    assert.deepEqual(
      events[0]?.differences.map(({ what, redis }) => [what, redis]),
      [
        ['entries', 0],
        ['counted', 0],
        ['contestant 0', 0],
      ],
    )
  })

  it('compares a purged log only by the entries that are left of it, and says so', () => {
    const purged = { log: undefined, entriesInLog: new Map([[EVENT, 2]]) }
    const same = compare(
      shardBooks(FIRST, book([3, 4]), { ...purged, entriesArchived: new Map([[EVENT, 2]]) }),
    )
    assert.equal(agrees(same.reconciliation), true)
    assert.match(same.text, /the log was purged and begins at message 5/)
    const fewer = compare(
      shardBooks(FIRST, book([3, 4]), { ...purged, entriesArchived: new Map([[EVENT, 1]]) }),
    )
    assert.deepEqual(
      fewer.events[0]?.differences.map(({ what, log, clickhouse }) => [what, log, clickhouse]),
      [['entries in the log', 2, 1]],
    )
  })
})
