import assert from 'node:assert/strict'
import { measureArchive } from '../../src/bench/archive/archive.js'
import { measureCommit } from '../../src/bench/commit/commit.js'
import { measureTally } from '../../src/bench/tally/tally.js'

/** Short, and of what is fast only that it is not slow: each is compared with another figure of its own run. */
describe('the bench of the way of a vote', function () {
  this.timeout(90_000)
  const say = (): void => undefined

  it('commits at least three times the votes in groups that it does one by one, and exactly those', async () => {
    const figures = await measureCommit({
      batches: [200],
      shards: [1, 2],
      waitingVoters: 1_000,
      seconds: 0.5,
      rounds: 1,
      say,
    })
    assert.equal(figures.length, 8)
    assert.ok(figures.every(({ faults, votesPerSecond }) => faults === 0 && votesPerSecond > 0))
    for (const inGroups of figures.filter(({ batchVotes }) => batchVotes === 200)) {
      const { fsync, shards } = inGroups
      const oneByOne = figures.find(
        (other) => other.batchVotes === 'one-by-one' && other.fsync === fsync && other.shards === shards,
      )
      assert.ok(
        inGroups.votesPerSecond > 3 * (oneByOne?.votesPerSecond ?? Number.NaN),
        JSON.stringify(figures),
      )
      const cpuOf = (figure: typeof oneByOne): number =>
        (figure?.ownMicroseconds ?? Number.NaN) + (figure?.natsMicroseconds ?? Number.NaN)
      assert.ok(cpuOf(inGroups) < cpuOf(oneByOne) / 2, JSON.stringify(figures))
    }
  })

  it('tallies a full log exactly, for less of Redis than of the processor and a fifth of a byte a vote', async () => {
    const figures = await measureTally({
      votes: 200_000,
      batchVotes: 200,
      shards: 2,
      rounds: 1,
      scattered: 100,
      say,
    })
    assert.equal(figures.faults, 0)
    // One bit at least; a chunk that is set bit by bit has room to grow, and is larger than this.
    assert.ok(figures.denseBytes > 0.125 && figures.denseBytes < 0.23, `${figures.denseBytes} bytes`)
    assert.ok(figures.scatteredBytes > 0 && figures.scatteredBytes < 1_000, `${figures.scatteredBytes} bytes`)
    assert.ok(figures.redisMicroseconds < figures.processorMicroseconds, JSON.stringify(figures))
  })

  it('archives a full log exactly, for half of what small inserts cost ClickHouse', async () => {
    const common = { votes: 100_000, batchVotes: 200, shards: 2, rounds: 1, say }
    const small = await measureArchive({ ...common, rowsMax: 2_000 })
    const figures = await measureArchive({ ...common, rowsMax: undefined })
    for (const { faults, writtenBytes, mergedBytes } of [small, figures]) {
      assert.equal(faults, 0)
      assert.ok(mergedBytes > 10 && mergedBytes < 40, `${mergedBytes} bytes`)
      assert.ok(writtenBytes < 2 * mergedBytes, `${writtenBytes} bytes`)
    }
    const both = JSON.stringify([small, figures])
    assert.ok(figures.clickhouseMicroseconds < small.clickhouseMicroseconds / 2, both)
  })
})
