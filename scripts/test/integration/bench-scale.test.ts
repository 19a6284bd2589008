import assert from 'node:assert/strict'
import { measureScale } from '../../src/bench/scale/scale.js'

/** Short: that every vote is counted once, whatever the number of processes and shards. */
describe('the bench of scale', function () {
  this.timeout(90_000)

  it('counts exactly what was acknowledged, with two of everything and four shards', async () => {
    const shape = { gateways: 2, owners: 2, shards: 4 }
    const [figures] = await measureScale({
      shapes: [shape],
      connections: 16,
      rounds: 1,
      seconds: 1,
      warmUpSeconds: 1,
      say: () => undefined,
    })
    assert.ok(figures)
    const { acknowledged, counted, faults, inexact, perSecond, byProcess } = figures
    assert.ok(acknowledged > 0 && perSecond > 0)
    assert.deepEqual({ counted, faults, inexact }, { counted: acknowledged, faults: 0, inexact: 0 })
    const kinds = ['gateway', 'ingest', 'processor', 'nats', 'redis', 'clickhouse']
    assert.deepEqual(Object.keys(byProcess), kinds)
  })
})
