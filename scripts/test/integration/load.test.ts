import assert from 'node:assert/strict'
import { type SmallSystem, startSmallSystem } from '../../src/bench/small-system.js'
import { runVoteLoad, type VoteLoadOptions } from '../../src/load/vote-load.js'

/** Short: that counts are exact and that verdicts follow from them; how fast anything is belongs to the bench. */
describe('the load', function () {
  this.timeout(120_000)
  let system: SmallSystem
  let usedVoters = 0

  before(async () => {
    system = await startSmallSystem({ contestants: ['Ada', 'Lumi'], votes: true })
  })
  after(() => system.stop())

  const options = (votes: number): VoteLoadOptions => {
    const voters = Array.from({ length: votes }, () => {
      usedVoters += 1
      return system.voter(usedVoters)
    })
    return {
      url: `http://127.0.0.1:${system.gateways[0]?.port}`,
      pace: { mode: 'open', perSecond: 200, rampSeconds: 1, seconds: 2 },
      processes: 1,
      connections: 20,
      timeoutMs: 10_000,
      voters,
      graphqlShare: 0,
      viewers: 0,
      eventId: undefined,
      creatorToken: undefined,
      levels: [],
      errorsMax: 0,
      // Other tests' processes may have the machine for a while.
      bounds: { latenessP99Ms: 1_000 },
    }
  }

  it('sends what was asked for, and every acknowledged vote is counted and seen by every viewer', async () => {
    const outcome = await runVoteLoad({
      ...options(500),
      processes: 2,
      connections: 10,
      graphqlShare: 0.3,
      viewers: 5,
      levels: [
        { stage: 'ingest', percent: 99, boundMs: 8_000 },
        { stage: 'end-to-end', percent: 99, boundMs: 8_000 },
        { stage: 'fan-out', percent: 99, boundMs: 8_000 },
      ],
    })
    const { load, seen, counted } = outcome
    assert.equal(load.intended, 500)
    assert.equal(load.acknowledged, 500)
    assert.equal(counted, 500)
    assert.deepEqual(load.outcomes.map(({ series, code, count }) => `${series} ${code} ${count}`).sort(), [
      'GraphQL 200 150',
      'REST 200 350',
    ])
    assert.ok(seen)
    assert.equal(seen.unseen, 0)
    // The votes of the full rate, by each viewer.
    assert.equal(load.all.latency.count, 400)
    assert.equal(seen.endToEnd.count, 5 * 400)
    assert.ok(seen.endToEnd.atMs(50) > load.all.latency.atMs(50) / 2)
    assert.ok(seen.boardAges.count > 0)
    assert.equal(seen.backwards, 0)
    assert.deepEqual(outcome.generatorFaults, [])
    assert.equal(outcome.status, 0, JSON.stringify(outcome.levels))
  })

  it('ends with 1 when a level is missed, and says by how much', async () => {
    const outcome = await runVoteLoad({
      ...options(500),
      levels: [{ stage: 'ingest', percent: 50, boundMs: 0.001 }],
    })
    assert.deepEqual(outcome.generatorFaults, [])
    assert.equal(outcome.status, 1)
    assert.deepEqual(
      outcome.levels.map(({ name, isMet }) => [name, isMet]),
      [
        ['ingest p50', false],
        ['errors', true],
      ],
    )
  })

  it('votes in an event that is there, and a voter who voted before is an error by its code', async () => {
    const eventId = system.events[0]?.id
    assert.ok(eventId)
    const { pace, ...rest } = options(100)
    const short = { ...rest, pace: { ...pace, rampSeconds: 0, seconds: 0.5 }, eventId, graphqlShare: 0.5 }
    const first = await runVoteLoad(short)
    assert.equal(first.status, 0)
    const again = await runVoteLoad(short)
    assert.equal(again.load.acknowledged, 0)
    assert.equal(again.counted, 0)
    assert.deepEqual(
      again.load.outcomes.map(({ series, code, count }) => `${series} ${code} ${count}`).sort(),
      ['GraphQL 200 DUPLICATE_VOTE 50', 'REST 409 DUPLICATE_VOTE 50'],
    )
    assert.equal(again.status, 1)
  })

  it('does not count, which is 3, when the rate is more than could be sent', async () => {
    const pace = { mode: 'open', perSecond: 60_000, rampSeconds: 0, seconds: 0.5 } as const
    const outcome = await runVoteLoad({ ...options(30_000), pace, timeoutMs: 2_000, errorsMax: undefined })
    assert.equal(outcome.status, 3)
    assert.ok(outcome.load.sentInTime < 15_000)
    assert.match(outcome.generatorFaults.join(' '), /requests .* were sent within 0.5 s/)
    // What was sent is settled all the same.
    assert.equal(outcome.countFault, null)
  })
})
