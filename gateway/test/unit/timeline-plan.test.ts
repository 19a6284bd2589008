import assert from 'node:assert/strict'
import { VotestreamError } from '@votestream/schema/errors'
import { WINDOW_KEPT_MS } from '@votestream/schema/redis-keys'
import fc from 'fast-check'
import {
  planTimeline,
  type TallyWindow,
  type TimelineRequest,
  WINDOWS_MAX,
} from '../../src/timeline/timeline-plan.js'

const NOW = Date.UTC(2026, 4, 16, 20, 15, 33, 123)
const MINUTE = 60_000
const plan = (request: Partial<TimelineRequest>, contestants = 2, nowMs = NOW) =>
  planTimeline(
    { window: 'MINUTE', fromMs: undefined, toMs: undefined, last: undefined, ...request },
    contestants,
    nowMs,
  )

describe('the plan of a timeline', () => {
  it('gives whole windows, the one of this moment last', () => {
    const { startMs, endMs } = plan({ last: 3 })
    assert.equal(new Date(endMs).toISOString(), '2026-05-16T20:16:00.000Z')
    assert.equal(new Date(startMs).toISOString(), '2026-05-16T20:13:00.000Z')
    const past = plan({ window: 'HOUR', fromMs: NOW - 5 * 3_600_000, toMs: NOW - 3_600_000 })
    assert.equal(new Date(past.startMs).toISOString(), '2026-05-16T15:00:00.000Z')
    assert.equal(new Date(past.endMs).toISOString(), '2026-05-16T20:00:00.000Z')
  })

  it('cuts where Redis still has everything and the archive has had nearly an hour', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<TallyWindow>('MINUTE', 'HOUR'),
        fc.integer({ min: NOW, max: NOW + 2 * 3_600_000 }),
        (window, nowMs) => {
          const { cutMs } = plan({ window }, 2, nowMs)
          assert.equal(cutMs % MINUTE, 0)
          assert.ok(cutMs > nowMs - WINDOW_KEPT_MS + 3 * MINUTE)
          assert.ok(cutMs <= nowMs - 50 * MINUTE)
        },
      ),
    )
  })

  it('never asks Redis for a window that it may have let go', () => {
    for (let nowMs = NOW; nowMs < NOW + 20_000; nowMs += 777) {
      const { startMs, endMs } = plan({ window: 'TEN_SECONDS', last: WINDOWS_MAX }, 2, nowMs)
      assert.ok(startMs > nowMs - WINDOW_KEPT_MS)
      assert.ok(endMs - startMs >= WINDOW_KEPT_MS - 10_000)
    }
  })

  it('refuses what is out of bounds, and says which field', () => {
    const refused = (request: Partial<TimelineRequest>, field: string, contestants?: number) =>
      assert.throws(
        () => plan(request, contestants),
        (error: unknown) => error instanceof VotestreamError && error.fields[0]?.field === field,
      )
    refused({ last: 0 }, 'last')
    refused({ last: WINDOWS_MAX + 1 }, 'last')
    refused({ last: 500 }, 'last', 500)
    refused({ fromMs: NOW + 1 }, 'from')
    refused({ fromMs: NOW, toMs: NOW }, 'from')
    refused({ fromMs: NOW - 1_001 * MINUTE }, 'from')
    refused({ window: 'TEN_SECONDS', fromMs: NOW - WINDOW_KEPT_MS - 10_000 }, 'from')
    assert.equal(plan({ fromMs: 0, last: 5 }).endMs - plan({ fromMs: 0, last: 5 }).startMs, 5 * MINUTE)
  })
})
