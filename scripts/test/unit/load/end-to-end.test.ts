import assert from 'node:assert/strict'
import fc from 'fast-check'
import { measureEndToEnd, type Sightings } from '../../../src/load/end-to-end.js'
import { contestantOf, slotMs } from '../../../src/load/markers.js'
import { intendedMs, type OpenPace, requestsOf } from '../../../src/load/schedule.js'
import { isGraphql } from '../../../src/load/vote-requests.js'

const CONTESTANTS = 20
const pace: OpenPace = { mode: 'open', perSecond: 500, rampSeconds: 0, seconds: 4 }
const before = Array.from({ length: CONTESTANTS }, (_, index) => index * 100)

/** What a viewer sees of votes that arrive on its board at these times. */
const sightingsOf = (arrivesMs: readonly number[]): Sightings => {
  const totals = [...before]
  const order = arrivesMs.map((_, index) => index).sort((a, b) => (arrivesMs[a] ?? 0) - (arrivesMs[b] ?? 0))
  const seen = order.map((index) => {
    const contestant = contestantOf(intendedMs(pace, index), CONTESTANTS)
    const total = (totals[contestant] ?? 0) + 1
    totals[contestant] = total
    return { contestant, total, atMs: arrivesMs[index] ?? 0 }
  })
  return {
    contestant: Uint16Array.from(seen, ({ contestant }) => contestant),
    total: Float64Array.from(seen, ({ total }) => total),
    atMs: Float64Array.from(seen, ({ atMs }) => atMs),
  }
}

const count = requestsOf(pace)
const intended = Array.from({ length: count }, (_, index) => intendedMs(pace, index))

describe('end to end', () => {
  it('is measured for each vote within a slot, whatever overtakes what', () => {
    const delays = fc.array(fc.double({ min: 5, max: 1_800, noNaN: true }), {
      minLength: count,
      maxLength: count,
    })
    fc.assert(
      fc.property(delays, (delaysMs) => {
        const arrives = intended.map((atMs, index) => atMs + (delaysMs[index] ?? 0))
        const acknowledgedMs = Float64Array.from(intended, (atMs) => atMs + 3)
        const { endToEnd, unseen } = measureEndToEnd({
          pace,
          acknowledgedMs,
          before,
          viewers: [sightingsOf(arrives)],
          untilMs: 1e6,
        })
        assert.deepEqual([endToEnd.count, unseen], [count, 0])
        const exact = [...delaysMs].sort((a, b) => a - b)
        for (const percent of [50, 95, 99, 100]) {
          const real = exact[Math.ceil((count * percent) / 100) - 1] ?? 0
          assert.ok(
            Math.abs(endToEnd.atMs(percent) - real) <= slotMs(CONTESTANTS) + 5,
            `p${percent} of ${real}`,
          )
        }
      }),
      { numRuns: 10 },
    )
  })

  it('shows half of the votes late when one of two shards stands still', () => {
    const stall = (atMs: number, index: number): number =>
      index % 2 === 0 && atMs > 1_000 && atMs < 2_500 ? 2_600 : atMs + 20
    const { endToEnd } = measureEndToEnd({
      pace,
      acknowledgedMs: Float64Array.from(intended, (atMs) => atMs + 3),
      before,
      viewers: [sightingsOf(intended.map(stall))],
      untilMs: 1e6,
    })
    // 375 of 2,000 votes were late, by 100 to 1,600 ms.
    assert.ok(endToEnd.atMs(80) < 20 + slotMs(CONTESTANTS))
    assert.ok(endToEnd.atMs(99) > 1_400)
  })

  it('counts what a viewer never saw as old as the run, and leaves out what was not acknowledged', () => {
    const acknowledgedMs = Float64Array.from(intended, (atMs, index) => (index === 7 ? Number.NaN : atMs + 3))
    const arrives = intended.map((atMs) => atMs + 20)
    const sightings = sightingsOf(arrives.slice(0, -1))
    const { endToEnd, afterAcknowledgement, unseen } = measureEndToEnd({
      pace,
      acknowledgedMs,
      before,
      viewers: [sightings, sightings],
      untilMs: 10_000,
    })
    assert.deepEqual(
      [endToEnd.count, afterAcknowledgement.count, unseen],
      [2 * (count - 1), 2 * (count - 1), 2],
    )
    assert.ok(endToEnd.maxMs > 5_990)
    assert.ok(Math.abs(afterAcknowledgement.atMs(50) - 17) < 0.5)
  })
})

describe('the share of GraphQL', () => {
  it('is kept by any votes in a row', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(share, fc.nat(10_000), fc.integer({ min: 1, max: 500 }), (wanted, from, length) => {
        let found = 0
        for (let index = from; index < from + length; index += 1) if (isGraphql(index, wanted)) found += 1
        assert.ok(Math.abs(found - wanted * length) <= 1 + 1e-6)
      }),
    )
  })
})
