import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import { watchStores } from '../../src/metrics/store-health.js'

describe('the health of stores', () => {
  it('asks a store that hangs no second time before it has answered', async () => {
    let hanging = 0
    let answered = 0
    const stop = watchStores({
      registry: new Registry(),
      probes: {
        async redis() {
          answered += 1
        },
        clickhouse() {
          hanging += 1
          return new Promise(() => undefined)
        },
      },
      everyMs: 2,
      patienceMs: 2,
    })
    // By then the other one was given up several times, too.
    while (answered < 30) await new Promise((resolve) => setImmediate(resolve))
    stop()
    assert.equal(hanging, 1)
  })
})
