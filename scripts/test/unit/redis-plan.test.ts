import assert from 'node:assert/strict'
import type { EventNumber } from '@votestream/schema/numbers'
import { WINDOW_KEPT_MS, WINDOW_MS, windowStart } from '@votestream/schema/redis-keys'
import fc from 'fast-check'
import {
  covers,
  type EventPlan,
  expectedWindows,
  groupsOf,
  mustBeThere,
  plannedWindows,
  setBits,
  unexpectedWindows,
  windowStarts,
} from '../../src/books/redis-plan.js'

const NOW_MS = Date.UTC(2026, 5, 1, 12, 0, 3)
const EVENT = 7 as EventNumber

const plan = (fields: Partial<EventPlan> = {}): EventPlan => ({
  event: EVENT,
  chunks: [1, 2],
  windows: plannedWindows(NOW_MS, NOW_MS),
  expected: [],
  ...fields,
})

describe('What is read of Redis at one moment', () => {
  it('names every window whose time is not up', () => {
    const property = fc.property(
      fc.integer({ min: NOW_MS - WINDOW_KEPT_MS - WINDOW_MS + 1, max: NOW_MS }),
      (votedAtMs) => {
        const starts = windowStarts(plannedWindows(NOW_MS, NOW_MS))
        const startMs = windowStart(votedAtMs)
        if (startMs + WINDOW_MS + WINDOW_KEPT_MS > NOW_MS) assert.ok(starts.includes(startMs))
      },
    )
    // The one whose time is up next.
    fc.assert(property, { examples: [[windowStart(NOW_MS - WINDOW_KEPT_MS)]] })
  })

  it('names no window of an event whose last vote is older than any that is kept', () => {
    assert.deepEqual(windowStarts(plannedWindows(NOW_MS - 2 * WINDOW_KEPT_MS, NOW_MS)), [])
    assert.deepEqual(windowStarts(plannedWindows(0, NOW_MS)), [])
  })

  it('names a bounded number of windows when the clock of an owner is a year ahead, the latest ones', () => {
    const aheadMs = NOW_MS + 365 * 86_400_000
    const starts = windowStarts(plannedWindows(aheadMs, NOW_MS))
    assert.ok(starts.length < 3_000)
    assert.ok(starts.includes(windowStart(aheadMs)))
  })

  it('is read again when a chunk or a window came in between', () => {
    assert.equal(covers(plan(), { chunks: [1, 2], ackedAtMs: NOW_MS, unexpected: 0 }), true)
    assert.equal(covers(plan(), { chunks: [1, 2, 3], ackedAtMs: NOW_MS, unexpected: 0 }), false)
    assert.equal(covers(plan(), { chunks: [1, 2], ackedAtMs: NOW_MS + 300_000, unexpected: 0 }), false)
    assert.equal(covers(plan(), { chunks: [1, 2], ackedAtMs: NOW_MS, unexpected: 1 }), false)
    const rested = plan({ windows: plannedWindows(0, NOW_MS) })
    assert.equal(covers(rested, { chunks: [1], ackedAtMs: 0, unexpected: 0 }), true)
    assert.equal(covers(rested, { chunks: [1], ackedAtMs: NOW_MS, unexpected: 0 }), false)
  })

  it('demands a window only while its time is not nearly up', () => {
    const demanded = mustBeThere(plannedWindows(NOW_MS, NOW_MS), NOW_MS)
    assert.equal(demanded(windowStart(NOW_MS)), true)
    assert.equal(demanded(windowStart(NOW_MS - WINDOW_KEPT_MS + 10_000)), true)
    assert.equal(demanded(windowStart(NOW_MS - WINDOW_KEPT_MS - WINDOW_MS)), false)
  })

  it('reads the windows that were seen and the latest ones, and makes sure that no other is there', () => {
    const windows = plannedWindows(NOW_MS, NOW_MS)
    const old = windowStart(NOW_MS - 1_800_000)
    const expected = expectedWindows(windows, new Set([old]), NOW_MS)
    assert.ok(expected.includes(old))
    assert.ok(expected.includes(windowStart(NOW_MS)))
    assert.ok(expected.length < 20)
    const others = unexpectedWindows(plan({ windows, expected }))
    assert.deepEqual(
      [...expected, ...others].sort((a, b) => a - b),
      windowStarts(windows),
    )
  })

  it('keeps every group within its limits, and every plan in one of them, in order', () => {
    const plans = fc.array(
      fc.integer({ min: 0, max: 30 }).map((chunks) =>
        plan({
          chunks: Array.from({ length: chunks }, (_, chunk) => chunk),
          windows: plannedWindows(0, NOW_MS),
        }),
      ),
    )
    const property = fc.property(plans, (all) => {
      const groups = groupsOf(all, { commandsMax: 40, eventsMax: 2, chunksMax: 25 })
      assert.deepEqual(groups.flat(), all)
      for (const group of groups) {
        assert.ok(group.length <= 2)
        const commands = group.map(({ chunks }) => (chunks.length > 25 ? 3 : 3 + 2 * chunks.length))
        assert.ok(group.length === 1 || commands.reduce((sum, count) => sum + count) <= 40)
      }
    })
    fc.assert(property)
  })

  it('counts the bits of a bitmap from the most significant one of its first byte', () => {
    assert.deepEqual(setBits(Uint8Array.of(0b1000_0001, 0, 0b0100_0000)), [0, 7, 17])
  })
})
