import assert from 'node:assert/strict'
import fc from 'fast-check'
import { askedAt, intendedMs, type OpenPace, requestsOf, spanMs } from '../../../src/load/schedule.js'
import { closedTurns, openTurns } from '../../../src/load/turns.js'

const paces = fc.record({
  mode: fc.constant('open' as const),
  perSecond: fc.integer({ min: 1, max: 2_000 }),
  rampSeconds: fc.integer({ min: 0, max: 5 }),
  seconds: fc.integer({ min: 1, max: 5 }),
})

describe('the schedule of a load', () => {
  it('sends in order, as many as the rate has, within the span', () => {
    fc.assert(
      fc.property(paces, (pace) => {
        const count = requestsOf(pace)
        let before = -1
        for (let index = 0; index < count; index += 1) {
          const atMs = intendedMs(pace, index)
          assert.ok(atMs >= before && atMs < spanMs(pace) + 1e-6)
          before = atMs
        }
      }),
      { numRuns: 50 },
    )
  })

  it('grows evenly during the ramp, and then keeps the rate', () => {
    const pace: OpenPace = { mode: 'open', perSecond: 100, rampSeconds: 4, seconds: 2 }
    assert.equal(requestsOf(pace), 400)
    const bySecond = [0, 0, 0, 0, 0, 0]
    for (let index = 0; index < 400; index += 1) {
      const second = Math.floor(intendedMs(pace, index) / 1_000)
      bySecond[second] = (bySecond[second] ?? 0) + 1
    }
    // Of 100 a second in 4 seconds: 12.5, 37.5, 62.5, 87.5.
    assert.deepEqual(bySecond, [13, 37, 63, 87, 100, 100])
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6].map((second) => askedAt(pace, second)),
      [12.5, 37.5, 62.5, 87.5, 100, 100, 0],
    )
  })

  it('is shared among processes so that each request has one of them', () => {
    const pace: OpenPace = { mode: 'open', perSecond: 10, rampSeconds: 0, seconds: 1 }
    const times = [0, 1, 2].flatMap((own) => {
      const turns = openTurns(pace, { own, processes: 3, count: Math.ceil((10 - own) / 3) }, 1_000)
      const taken: number[] = []
      for (let turn = turns.take(1_000); turn; turn = turns.take(1_000)) taken.push(turn.intendedMs)
      assert.ok(turns.isOver(1_000))
      return taken
    })
    assert.deepEqual(
      times.sort((a, b) => a - b),
      [0, 100, 200, 300, 400, 500, 600, 700, 800, 900],
    )
  })

  it('keeps the intended time of who waits for a connection, and when that was noticed', () => {
    const pace: OpenPace = { mode: 'open', perSecond: 100, rampSeconds: 0, seconds: 1 }
    const turns = openTurns(pace, { own: 0, processes: 1, count: 100 }, 50)
    assert.deepEqual(turns.take(21), { position: 0, intendedMs: 0, noticedMs: 21 })
    assert.equal(turns.nextMs(), 30)
    assert.deepEqual(turns.take(40), { position: 1, intendedMs: 10, noticedMs: 21 })
    assert.equal(turns.takeExpired(60), null)
    // Since 20 ms it has waited for more than 50 ms: it is not sent, the next one is.
    assert.deepEqual(turns.takeExpired(75), { position: 2, intendedMs: 20, noticedMs: 21 })
    assert.equal(turns.takeExpired(75), null)
    assert.deepEqual(turns.take(75), { position: 3, intendedMs: 30, noticedMs: 40 })
  })

  it('ends a closed load with its time or, where they are sent once, with its requests', () => {
    const pace = { mode: 'closed', rampSeconds: 0, seconds: 1 } as const
    const share = { own: 0, processes: 1, count: 2 }
    const once = closedTurns(pace, share, false)
    assert.deepEqual([once.take(1)?.position, once.take(2)?.position, once.take(3)], [0, 1, null])
    const repeated = closedTurns(pace, share, true)
    assert.deepEqual(
      [repeated.take(1), repeated.take(2), repeated.take(3), repeated.take(1_000)].map(
        (turn) => turn?.position,
      ),
      [0, 1, 0, undefined],
    )
    assert.ok(repeated.isOver(1_000) && !repeated.isOver(999))
  })
})
