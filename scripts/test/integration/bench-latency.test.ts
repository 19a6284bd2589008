import assert from 'node:assert/strict'
import { measureLatency } from '../../src/bench/latency/latency.js'
import { isExact } from '../../src/bench/latency/rows.js'

/** Short: that every stage is measured, of whatever it counts, and that counts are exact. */
describe('the bench of latencies', function () {
  this.timeout(90_000)

  it('measures every stage, and counts every vote', async () => {
    const figures = await measureLatency({
      percent: [50],
      capacity: 400,
      viewers: 5,
      seconds: 2,
      graphql: 20,
      warmUpSeconds: 1,
      say: () => undefined,
    })
    const [load] = figures.loads
    assert.ok(load && figures.loads.length === 1)
    const { stages, services } = load
    assert.ok(isExact(load), JSON.stringify(load))
    assert.equal(load.perSecond, 200)
    assert.equal(load.intended, 600)
    assert.equal(stages.ingest.count, 400)
    for (const [stage, { count, p50Ms, p999Ms }] of Object.entries(stages)) {
      assert.ok(count > 0 && p50Ms <= p999Ms && p999Ms < 10_000, `${stage}: ${JSON.stringify(stages)}`)
    }
    const { 'fan-out, first viewer': first, 'fan-out, last viewer': last } = stages
    assert.equal(first.count, last.count)
    assert.ok(first.p50Ms <= last.p50Ms)
    // A vote is acknowledged before it is on a board.
    assert.ok(stages.ingest.p50Ms < stages['end to end'].p50Ms, JSON.stringify(stages))
    const ours = services.groups.filter(({ loopDelayP99Ms }) => !Number.isNaN(loopDelayP99Ms))
    assert.deepEqual(
      ours.map(({ name }) => name),
      ['gateway', 'ingest', 'processor'],
    )
    assert.ok(ours.every(({ gcMillisecondsPerSecond }) => gcMillisecondsPerSecond >= 0))
  })
})
