import assert from 'node:assert/strict'
import { shardNumber } from '@votestream/schema/numbers'
import fc from 'fast-check'
import { createParts, joinNews, type Part, replacing, sumParts } from '../../src/board.js'

const GENERATION = '2026-01-01T00:00:00Z'

const partOf = (shard: number, sequence: number, totals: number[] = [sequence]): Part => ({
  shard: shardNumber(shard),
  generation: GENERATION,
  sequence,
  totals,
  ackedAtMs: sequence,
})

describe('a board of parts', () => {
  it('is the sum of its parts, contestants without votes included', () => {
    assert.deepEqual(sumParts([partOf(0, 5, [1, 2]), partOf(1, 7, [3])], 3), {
      version: 12,
      totals: [4, 2, 0],
      ackedAtMs: 7,
    })
  })

  it('waits since the earliest change in it: of each time the earlier, and of clients that of the earlier vote', () => {
    const first = { appliedAtMs: 30, earliestAckedAtMs: 10, clientAtMs: 9 }
    const second = { appliedAtMs: 25, earliestAckedAtMs: 12, clientAtMs: 2 }
    const both = { appliedAtMs: 25, earliestAckedAtMs: 10, clientAtMs: 9 }
    assert.deepEqual(joinNews(first, second), both)
    assert.deepEqual(joinNews(second, first), both)
    // Told of one alone, or by nobody.
    assert.deepEqual(joinNews({ ...first, clientAtMs: 0 }, second).clientAtMs, 2)
    assert.deepEqual(joinNews({ appliedAtMs: 0 }, { earliestAckedAtMs: 12 }), { earliestAckedAtMs: 12 })
    const board = { version: 2, totals: [2], ackedAtMs: 12 }
    assert.deepEqual(replacing({ ...board, version: 1, ...first }, { ...board, ...second }), {
      ...board,
      ...both,
    })
    assert.deepEqual(replacing(board, board), board)
  })

  it('is none until every shard has given its part', () => {
    const parts = createParts(2)
    parts.take(partOf(0, 5))
    assert.equal(parts.board(1), undefined)
    parts.take(partOf(1, 0, []))
    assert.deepEqual(parts.board(1), { version: 5, totals: [5], ackedAtMs: 5 })
  })

  it('never goes backwards, whatever order parts come in, and ends with the latest of each shard', () => {
    const arrivals = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 20 })))
    fc.assert(
      fc.property(arrivals, (order) => {
        const parts = createParts(3)
        const latest = [0, 0, 0]
        for (const shard of [0, 1, 2]) parts.take(partOf(shard, 0))
        let version = 0
        for (const [shard, sequence] of order) {
          assert.equal(parts.take(partOf(shard, sequence)), sequence > (latest[shard] ?? 0))
          latest[shard] = Math.max(latest[shard] ?? 0, sequence)
          const board = parts.board(1)
          assert.ok(board && board.version >= version)
          version = board.version
          assert.equal(
            board.totals[0],
            latest.reduce((sum, each) => sum + each, 0),
          )
        }
      }),
    )
  })

  it('a log that was made anew replaces the old one, and not the other way round', () => {
    const parts = createParts(1)
    parts.take(partOf(0, 100))
    const anew = { ...partOf(0, 1), generation: '2026-01-01T00:00:00.5Z' }
    assert.equal(parts.take(anew), true)
    assert.equal(parts.take(partOf(0, 101)), false)
    assert.equal(parts.board(1)?.totals[0], 1)
  })
})
