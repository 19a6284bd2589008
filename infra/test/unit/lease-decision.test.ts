import assert from 'node:assert/strict'
import { allShards, type Shard } from '@votestream/schema/numbers'
import fc from 'fast-check'
import { decideLeases, decideSuccession } from '../../src/lease-decision.js'

/** Instances that decide in turn, each seeing what the others hold, until nothing changes. */
const settle = (shards: number, members: number): Map<number, Set<Shard>> => {
  const holdings = new Map(
    Array.from({ length: members }, (_, member) => [member, new Set<Shard>()] as const),
  )
  for (let round = 0; round < 10; round += 1) {
    for (const [member, held] of holdings) {
      const taken = new Set([...holdings].flatMap(([other, theirs]) => (other === member ? [] : [...theirs])))
      const { take, release } = decideLeases({ shards: allShards(shards), held, taken, members })
      for (const shard of release) held.delete(shard)
      for (const shard of take) {
        assert.ok(!taken.has(shard))
        held.add(shard)
      }
    }
  }
  return holdings
}

describe('the decision on leases', () => {
  it('every shard is taken, and nobody holds more than a fair share', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 1, max: 8 }), (shards, members) => {
        const holdings = [...settle(shards, members).values()]
        const held = holdings.flatMap((own) => [...own])
        assert.equal(held.length, shards)
        assert.equal(new Set(held).size, shards)
        for (const own of holdings) assert.ok(own.size <= Math.ceil(shards / members))
      }),
    )
  })

  it('an instance gives up what is above its share when another one comes', () => {
    const held = new Set(allShards(4))
    const { release, take } = decideLeases({ shards: allShards(4), held, taken: new Set(), members: 2 })
    assert.equal(release.length, 2)
    assert.equal(take.length, 0)
  })

  it('an instance expects what others hold above their share, and all of who leaves, up to its own share', () => {
    const [first, second, third, fourth] = allShards(4) as [Shard, Shard, Shard, Shard]
    const shards = allShards(4)
    const owners = new Map([first, second, third, fourth].map((shard) => [shard, 'one'] as const))
    const newcomer = { shards, held: new Set<Shard>(), members: 2, owners }
    assert.deepEqual(decideSuccession({ ...newcomer, leaving: new Set() }), [third, fourth])
    const alone = { shards, held: new Set([third, fourth]), members: 1, owners }
    assert.deepEqual(decideSuccession({ ...alone, leaving: new Set(['one']) }), [first, second])
    const shared = new Map([first, second].map((shard) => [shard, 'one'] as const))
    const settled = { shards, held: new Set([third, fourth]), members: 2, owners: shared }
    assert.deepEqual(decideSuccession({ ...settled, leaving: new Set() }), [])
  })
})
