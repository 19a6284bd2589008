import assert from 'node:assert/strict'
import { createLogger } from '@votestream/infra/logging'
import { followBrokerClock } from '../../src/broker-clock.js'

const logger = createLogger('test', 'silent')
const HOUR_MS = 3_600_000

describe("the broker's clock", () => {
  const { now } = Date
  afterEach(() => {
    Date.now = now
  })

  it('is told here though the clock of this machine jumps by an hour, forwards or back', async () => {
    const world = { elapsedMs: 500, brokerMs: 1_700_000_000_000 }
    const clock = await followBrokerClock({
      ask: async () => world.brokerMs,
      logger,
      elapsed: () => world.elapsedMs,
    })
    world.elapsedMs += 1_234
    for (const jumpMs of [0, HOUR_MS, -HOUR_MS]) {
      Date.now = () => now() + jumpMs
      assert.equal(clock.now(), 1_700_000_001_234)
    }
    clock.stop()
  })

  it('is told as soon as the broker answers, and counted on while it does not', async () => {
    let calls = 0
    const world = { elapsedMs: 0 }
    const clock = await followBrokerClock({
      ask: async () => {
        calls += 1
        if (calls !== 2) throw new Error('away')
        return 1_700_000_000_000
      },
      logger,
      elapsed: () => world.elapsedMs,
      everyMs: 1,
    })
    assert.equal(calls, 2)
    while (calls < 4) await new Promise(setImmediate)
    world.elapsedMs = 60_000
    assert.equal(clock.now(), 1_700_000_060_000)
    clock.stop()
  })

  it('follows the broker, half a round trip behind, and not an answer that came too late to tell', async () => {
    const world = { elapsedMs: 0, brokerMs: 1_000_000, tookMs: 20 }
    let calls = 0
    const clock = await followBrokerClock({
      ask: async () => {
        calls += 1
        world.elapsedMs += world.tookMs
        return world.brokerMs
      },
      logger,
      elapsed: () => world.elapsedMs,
      everyMs: 1,
    })
    assert.equal(clock.now(), 1_000_010)
    Object.assign(world, { brokerMs: 9_000_000, tookMs: 3_000 })
    while (calls < 3) await new Promise(setImmediate)
    assert.ok(clock.now() < 2_000_000)
    Object.assign(world, { brokerMs: 5_000_000, tookMs: 0 })
    const before = calls
    while (calls < before + 2) await new Promise(setImmediate)
    assert.equal(clock.now(), 5_000_000)
    clock.stop()
  })
})
