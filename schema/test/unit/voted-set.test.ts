import assert from 'node:assert/strict'
import fc from 'fast-check'
import { eventNumber, voterNumber } from '../../src/numbers.js'
import { bitPosition, CHUNK_BITS, createVotedSet } from '../../src/voted-set.js'

const event = eventNumber(1)

describe('the voted set', () => {
  it('holds exactly the voters that were added, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 60 }),
        (shards, voters, others) => {
          // One shard's voters share a remainder; elsewhere they would share bits.
          const own = (voter: number) => voterNumber(voter * shards)
          const model = new Set<number>()
          const set = createVotedSet(shards)
          for (const voter of voters) {
            assert.equal(set.add(event, own(voter)), !model.has(voter))
            model.add(voter)
          }
          for (const voter of [...voters, ...others])
            assert.equal(set.has(event, own(voter)), model.has(voter))
          assert.equal(set.count(event), model.size)
        },
      ),
    )
  })

  it('a chunk as Redis keeps it adds its voters to those that are there', () => {
    const set = createVotedSet(2)
    const early = voterNumber(2 * (CHUNK_BITS * 3 + 9))
    const late = voterNumber(2 * (CHUNK_BITS * 3 + 10))
    assert.deepEqual(bitPosition(early, 2), { chunk: 3, offset: 9 })
    set.add(event, late)
    set.addChunk(event, 3, Uint8Array.of(0, 0b0100_0000))
    assert.ok(set.has(event, early))
    assert.ok(set.has(event, late))
    assert.equal(set.count(event), 2)
  })

  it('events do not see each other, and a dropped one is empty', () => {
    const set = createVotedSet(1)
    set.add(event, voterNumber(5))
    assert.equal(set.has(eventNumber(2), voterNumber(5)), false)
    set.drop(event)
    assert.equal(set.has(event, voterNumber(5)), false)
  })
})
