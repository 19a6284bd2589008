import assert from 'node:assert/strict'
import { createHeadSampler, type SamplerName } from '../../../src/telemetry/sampling.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

describe('head sampling', () => {
  let nowMs = 0
  let chance = 0
  let refused = 0
  beforeEach(() => {
    nowMs = 1_000
    chance = 0
    refused = 0
  })
  const sampler = (name: SamplerName, { ratio = 0.25, max = 1_000 } = {}) =>
    createHeadSampler({
      sampler: name,
      ratio,
      fromClientsPerSecondMax: max,
      samplesTrace: (traceId) => traceId === TRACE,
      onRefused: () => {
        refused += 1
      },
      random: () => chance,
      now: () => nowMs,
    })
  const follows = (name: SamplerName, sampled: boolean | undefined, traceId = TRACE) =>
    sampler(name).follows({ traceId, sampled })

  it('begins the share of traces that it is told to, and draws no lots where there is nothing to draw', () => {
    for (const name of ['traceidratio', 'parentbased_traceidratio'] as const) {
      chance = 0.2499
      assert.equal(sampler(name).begins(), true)
      chance = 0.25
      assert.equal(sampler(name).begins(), false)
    }
    chance = 0.999
    assert.equal(sampler('always_on').begins(), true)
    assert.equal(sampler('parentbased_always_on').begins(), true)
    chance = 0
    assert.equal(sampler('always_off').begins(), false)
    assert.equal(sampler('parentbased_always_off').begins(), false)
    assert.equal(sampler('traceidratio', { ratio: 0 }).begins(), false)
  })

  it('begins no more in a second than it may, unless it is told to begin all', () => {
    const limited = (name: SamplerName) =>
      createHeadSampler({
        sampler: name,
        ratio: 0.25,
        fromClientsPerSecondMax: 0,
        byLotPerSecondMax: 2,
        samplesTrace: () => false,
        random: () => 0,
        now: () => nowMs,
      })
    const byLot = limited('parentbased_traceidratio')
    const three = () => [byLot.begins(), byLot.begins(), byLot.begins()]
    assert.deepEqual(three(), [true, true, false])
    nowMs += 999
    assert.equal(byLot.begins(), false)
    nowMs += 1
    assert.deepEqual(three(), [true, true, false])
    const all = limited('always_on')
    assert.deepEqual([all.begins(), all.begins(), all.begins()], [true, true, true])
  })

  it('goes by what the client says where it is to, and by the trace otherwise', () => {
    for (const name of [
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ] as const) {
      assert.deepEqual([follows(name, true), follows(name, false)], [true, false], name)
    }
    assert.deepEqual([follows('always_on', false), follows('always_off', true)], [true, false])
    assert.equal(follows('traceidratio', false), true)
    assert.equal(follows('traceidratio', true, 'f'.repeat(32)), false)
  })

  it('decides by itself where the client leaves it open', () => {
    chance = 0.3
    assert.equal(follows('parentbased_traceidratio', undefined), false)
    chance = 0.2
    assert.equal(follows('parentbased_traceidratio', undefined), true)
  })

  it('follows only so many traces of clients in a second, whatever they say, and counts the others', () => {
    const { follows: follow, begins } = sampler('parentbased_traceidratio', { max: 3 })
    const asked = () =>
      Array.from({ length: 10 }, () => follow({ traceId: TRACE, sampled: true })).filter(Boolean)
    assert.equal(asked().length, 3)
    assert.equal(refused, 7)
    nowMs += 999
    assert.equal(asked().length, 0)
    // What begins here is not theirs.
    assert.equal(begins(), true)
    nowMs += 1
    assert.equal(asked().length, 3)
  })
})
