import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decideRestart, type RestartPolicy, stopTimeout } from '../../src/supervision.js'

const policy: RestartPolicy = { firstDelayMs: 250, delayMsMax: 10_000, ranWellMs: 30_000 }

describe('the decision about a restart', () => {
  it('waits twice as long after every death in a row, and never longer than the maximum', () => {
    let failures = 0
    const delays = Array.from({ length: 9 }, () => {
      const decision = decideRestart(policy, { failures, ranMs: 100 })
      failures = decision.failures
      return decision.delayMs
    })
    assert.deepEqual(delays, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000])
  })

  it('starts over after a child ran well', () => {
    assert.deepEqual(decideRestart(policy, { failures: 7, ranMs: 30_000 }), { failures: 1, delayMs: 250 })
    assert.equal(decideRestart(policy, { failures: 7, ranMs: 29_999 }).failures, 8)
  })

  it('stays within its bounds whatever happened before', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (failures, ranMs) => {
        const { delayMs } = decideRestart(policy, { failures, ranMs })
        assert.ok(delayMs >= policy.firstDelayMs && delayMs <= policy.delayMsMax)
      }),
    )
  })
})

describe('the time that a child has to stop', () => {
  it('is its own limit where there is enough for all', () => {
    assert.equal(stopTimeout({ ownMs: 4_000, leftMs: 9_000, othersAfter: 5 }), 4_000)
  })

  it('children that all ignore SIGTERM are gone within the whole time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 20_000 }), (children, ownMs) => {
        let leftMs = 9_000
        for (let othersAfter = children - 1; othersAfter >= 0; othersAfter--) {
          leftMs -= stopTimeout({ ownMs, leftMs, othersAfter })
        }
        assert.ok(leftMs >= 0, `${-leftMs} ms too long`)
      }),
    )
  })
})
