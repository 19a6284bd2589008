import assert from 'node:assert/strict'
import type { QuotaRecord } from '@votestream/schema/quota-record'
import { QUOTA_PERIODS, type Quota } from '@votestream/schema/usage-plan'
import fc from 'fast-check'
import { exchange, retryAfterMs, spanOf, usageOf, type Want } from '../../src/admission/quota-decision.js'

const at = (text: string): number => Date.parse(text)
const span = (start: string, end: string) => ({ startMs: at(start), endMs: at(end) })
const NOTHING = { startMs: 0, used: 0, back: 0 }
const NOW_MS = at('2026-06-10T12:00:00Z')
const DAY_MS = at('2026-06-10T00:00:00Z')
const quota: Quota = { limit: 100, period: 'day' }
const recordOf = (taken: number, held = 0, startMs = DAY_MS): QuotaRecord => ({
  ...{ version: 1, period: 'day', startMs, taken, held },
})
const asking = (record: QuotaRecord | undefined, want: Partial<Want>, more: object = {}) =>
  exchange({
    ...{ record, quota, ratePerSecond: 10, nowMs: NOW_MS, report: NOTHING },
    ...{ want: { needed: 1, atLeast: 1, ahead: 0, ...want }, ...more },
  })

describe('periods of quotas', () => {
  it('are days, weeks from Monday and months of UTC', () => {
    const wednesday = at('2026-06-10T12:00:00Z')
    assert.deepEqual(spanOf('day', wednesday), span('2026-06-10', '2026-06-11'))
    assert.deepEqual(spanOf('week', wednesday), span('2026-06-08', '2026-06-15'))
    assert.deepEqual(spanOf('month', wednesday), span('2026-06-01', '2026-07-01'))
    assert.deepEqual(spanOf('month', at('2026-12-31T23:59:59.999Z')), span('2026-12-01', '2027-01-01'))
    assert.deepEqual(spanOf('week', at('2026-06-14T23:59:59.999Z')), span('2026-06-08', '2026-06-15'))
    assert.deepEqual(spanOf('week', at('2026-06-15')), span('2026-06-15', '2026-06-22'))
    assert.deepEqual(spanOf('month', at('2028-02-29T00:00:00Z')), span('2028-02-01', '2028-03-01'))
  })

  it('follow one another without a gap, and hold every time in them', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...QUOTA_PERIODS),
        fc.integer({ min: at('1970-01-01'), max: at('2199-12-31') }),
        (period, nowMs) => {
          const { startMs, endMs } = spanOf(period, nowMs)
          assert.ok(startMs <= nowMs && nowMs < endMs)
          assert.equal(spanOf(period, endMs).startMs, endMs)
          assert.deepEqual(spanOf(period, startMs), { startMs, endMs })
          assert.deepEqual(spanOf(period, endMs - 1), { startMs, endMs })
          if (period === 'week') assert.equal(new Date(startMs).getUTCDay(), 1)
        },
      ),
    )
  })
})

describe('taking of a quota', () => {
  it('gives what is needed, and no more than the limit leaves', () => {
    assert.deepEqual(asking(undefined, { needed: 3 }).record, recordOf(3))
    assert.equal(asking(recordOf(98), { needed: 3 }).granted, 2)
    assert.equal(asking(recordOf(100), { needed: 1 }).granted, 0)
  })

  it('gives nothing where nobody who waits could go with it', () => {
    const { granted, record } = asking(recordOf(98), { needed: 3, atLeast: 3 })
    assert.deepEqual([granted, record], [0, undefined])
  })

  it('gives ahead at most a second of the rate, a share of what is left, and nothing near the end', () => {
    assert.equal(asking(undefined, { ahead: 1_000 }).granted, 6)
    const wide = { quota: { ...quota, limit: 1_000_000 } }
    assert.equal(asking(undefined, { ahead: 1_000 }, wide).granted, 10)
    assert.equal(asking(recordOf(85), { ahead: 1_000 }).granted, 1)
  })

  it('counts what waits as used at once, and what is ahead as held', () => {
    const { record, prepaid } = asking(undefined, { needed: 2, ahead: 50 })
    assert.deepEqual([record, prepaid], [recordOf(6, 4), 2])
  })

  it('takes a report in: used is held no more, given back is free', () => {
    const report = { startMs: DAY_MS, used: 4, back: 2 }
    const { record } = asking(recordOf(50, 6), { needed: 0, atLeast: 0 }, { report })
    assert.deepEqual(record, recordOf(48, 0))
  })

  it('begins anew with the next period, and a report about the last one is of no interest', () => {
    const report = { startMs: DAY_MS - 86_400_000, used: 4, back: 20 }
    const { record } = asking(recordOf(100, 20, DAY_MS - 86_400_000), { needed: 1 }, { report })
    assert.deepEqual(record, recordOf(1))
    assert.deepEqual(asking(recordOf(50, 9), { needed: 1 }, { report }).record, recordOf(51, 9))
  })

  it('never goes back to a period that is over, whatever this clock says', () => {
    const tomorrow = recordOf(99, 0, DAY_MS + 86_400_000)
    const { record, endMs } = asking(tomorrow, { needed: 5 })
    assert.deepEqual([record?.taken, record?.startMs], [100, tomorrow.startMs])
    assert.equal(endMs, tomorrow.startMs + 86_400_000)
  })
})

describe('usage of a quota', () => {
  const stored = (record: QuotaRecord, ageMs: number) => ({ record, writtenAtMs: NOW_MS - ageMs })

  it('is what was taken less what is held, until nobody can hold it any more', () => {
    const { used, remaining } = usageOf(stored(recordOf(60, 10), 500), quota, NOW_MS)
    assert.deepEqual([used, remaining], [50, 50])
    assert.equal(usageOf(stored(recordOf(60, 10), 10_000), quota, NOW_MS).used, 60)
    assert.equal(usageOf(undefined, quota, NOW_MS).remaining, 100)
    assert.equal(usageOf(stored(recordOf(60, 0, DAY_MS - 86_400_000), 500), quota, NOW_MS).used, 0)
  })

  it('a refusal names the next period, or a second where others may give back', () => {
    const full = usageOf(stored(recordOf(100), 500), quota, NOW_MS)
    assert.equal(retryAfterMs(full, 1, NOW_MS), 12 * 3_600_000)
    const held = usageOf(stored(recordOf(100, 5), 500), quota, NOW_MS)
    assert.equal(retryAfterMs(held, 5, NOW_MS), 1_000)
    assert.equal(retryAfterMs(held, 6, NOW_MS), 12 * 3_600_000)
  })
})

/** Gateways that take, let through, report and die, in any order. */
const steps = fc.array(
  fc.record({
    gateway: fc.nat(3),
    what: fc.constantFrom('take', 'spend', 'return', 'die'),
    count: fc.integer({ min: 1, max: 40 }),
    isWritten: fc.boolean(),
  }),
  { maxLength: 200 },
)

describe('gateways that share a quota', () => {
  it('never let through more than the limit together, and account for all of it when none died', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 500 }), (sequence, limit) => {
        let record: QuotaRecord | undefined
        let through = 0
        let died = false
        const gateways = Array.from({ length: 4 }, () => ({ left: 0, used: 0 }))
        const trade = (own: { left: number; used: number }, want: Want, back: number): void => {
          const report = { startMs: DAY_MS, used: own.used, back }
          const traded = exchange({
            ...{
              record,
              quota: { limit, period: 'day' as const },
              ratePerSecond: 30,
              nowMs: NOW_MS,
              report,
              want,
            },
          })
          record = traded.record ?? record
          own.left += traded.granted - back
          own.used = -traded.prepaid
        }
        for (const { gateway, what, count, isWritten } of sequence) {
          const own = gateways[gateway] as { left: number; used: number }
          if (what === 'take') trade(own, { needed: count, atLeast: 1, ahead: count }, 0)
          if (what === 'spend') {
            const spent = Math.min(own.left, count)
            own.left -= spent
            own.used += spent
            through += spent
          }
          if (what === 'return') trade(own, { needed: 0, atLeast: 0, ahead: 0 }, own.left)
          if (what === 'die') {
            // In the middle of giving back: it may have been written or not.
            if (isWritten) trade(own, { needed: 0, atLeast: 0, ahead: 0 }, own.left)
            died ||= own.left !== 0 || own.used !== 0
            Object.assign(own, { left: 0, used: 0 })
          }
          assert.ok(through <= limit, `${through} of ${limit}`)
          assert.ok((record?.taken ?? 0) <= limit)
        }
        for (const own of gateways) trade(own, { needed: 0, atLeast: 0, ahead: 0 }, own.left)
        assert.ok(through <= (record?.taken ?? 0))
        if (!died && record) assert.deepEqual([record.taken, record.held], [through, 0])
      }),
      { numRuns: 500 },
    )
  })
})
