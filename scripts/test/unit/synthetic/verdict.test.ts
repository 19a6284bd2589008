import assert from 'node:assert/strict'
import {
  type CheckOutcome,
  type CheckResult,
  judgeWindow,
  RESULTS,
  verdictLine,
  type WindowChecks,
} from '../../../src/synthetic/verdict.js'
import { createWindows } from '../../../src/synthetic/windows.js'

const LEVELS = { successMin: 1, acknowledgedP99Ms: 50, seenP95Ms: 500, seenP99Ms: 1_000 }

const outcome = (result: CheckResult, legs: Partial<CheckOutcome> = {}): CheckOutcome => ({
  api: 'rest',
  result,
  why: '',
  acknowledgedMs: 20,
  seenMs: 100,
  latenessMs: 1,
  ...legs,
})
const ok = (count: number, legs: Partial<CheckOutcome> = {}): CheckOutcome[] =>
  Array.from({ length: count }, () => outcome('ok', legs))
const judge = (outcomes: readonly CheckOutcome[], more: Partial<WindowChecks> = {}) =>
  judgeWindow({ kind: 'window', number: 0, outcomes, boardFaults: [], ...more }, LEVELS)

describe('the verdict on a window of checks', () => {
  it('passes when every check was seen in time, and tells the legs', () => {
    const verdict = judge(ok(100))
    assert.ok(verdict.isPassed)
    assert.deepEqual(verdict.faults, [])
    assert.equal(verdict.success, 1)
    assert.deepEqual(verdict.results, { ok: 100 })
    assert.equal(verdict.acknowledged.count, 100)
    for (const [leg, ms] of [
      [verdict.acknowledged, 20],
      [verdict.seen, 100],
    ] as const) {
      assert.ok(Math.abs((leg.p99Ms ?? 0) - ms) < 0.2)
    }
    assert.match(verdictLine(verdict), /^window 1 passed: 100 checks, 100 % ok/)
  })

  it('fails for one check in 1,000 that was anything but ok, and names the leg and why', () => {
    const legs: Record<Exclude<CheckResult, 'ok'>, RegExp> = {
      late: /seen: a board had the vote later/,
      refused: /acknowledged: the vote was refused: 1 of 1000 \(a reason\)/,
      unanswered: /acknowledged: nobody answered/,
      unseen: /seen: the vote was acknowledged, and no board had it in time: 1 of 1000/,
      wrong: /number: a board did not have the votes that were cast/,
      skipped: /sent: the vote was not sent/,
    }
    for (const result of RESULTS) {
      if (result === 'ok') continue
      const verdict = judge([...ok(999), outcome(result, { why: 'a reason' })])
      assert.ok(!verdict.isPassed, result)
      assert.match(verdictLine(verdict), /FAILED: success: 99.9 %, and at least 100 % is asked for/)
      assert.match(verdictLine(verdict), legs[result])
    }
  })

  it('fails for a leg that is slower than its level, and says by how much', () => {
    const slow = judge([...ok(94), ...ok(6, { seenMs: 700 })])
    assert.match(slow.faults.join(), /^seen p95: 700.* ms, which is 200.* ms more than 500.0 ms$/)
    const acknowledged = judge([...ok(98), ...ok(2, { acknowledgedMs: 80 })])
    assert.match(acknowledged.faults.join(), /^acknowledged p99: 80/)
    assert.ok(judge([...ok(96), ...ok(4, { seenMs: 900 })]).isPassed)
  })

  it('says when it was itself late, so that nobody looks for the reason elsewhere', () => {
    const slow = { acknowledgedMs: 80, latenessMs: 60 }
    assert.match(judge(ok(9, slow)).faults.join(), /the prober itself was up to 60 ms late/)
    assert.equal(judge(ok(9, { ...slow, latenessMs: 2 })).faults.length, 1)
    assert.deepEqual(judge(ok(9, { latenessMs: 30 })).faults, [])
  })

  it('fails for a board that was wrong though every check succeeded, and whatever share is asked for', () => {
    assert.match(judge(ok(9), { boardFaults: ['contestant 2 has 3'] }).faults.join(), /^number: contestant 2/)
    const outcomes = [...ok(9), outcome('wrong')]
    const lenient = { ...LEVELS, successMin: 0.5 }
    assert.ok(!judgeWindow({ kind: 'event', number: 0, outcomes, boardFaults: [] }, lenient).isPassed)
    const unseen = [...ok(9), outcome('unseen', { seenMs: null })]
    assert.ok(judgeWindow({ kind: 'event', number: 0, outcomes: unseen, boardFaults: [] }, lenient).isPassed)
  })

  it('has no percentiles of nothing', () => {
    const verdict = judge([outcome('skipped', { acknowledgedMs: null, seenMs: null })])
    assert.deepEqual(verdict.seen, { count: 0, p50Ms: null, p95Ms: null, p99Ms: null })
    assert.match(verdictLine(verdict), /nothing acknowledged; nothing seen/)
  })
})

describe('windows of checks', () => {
  const judged = () => {
    const windows: (WindowChecks & { readonly size: number })[] = []
    const made = createWindows('window', (window) =>
      windows.push({ ...window, size: window.outcomes.length }),
    )
    const told = () => windows.map(({ number, size }) => [number, size])
    return { ...made, windows, told }
  }

  it('are judged once, when all their checks have ended and another one has begun', () => {
    const { expect, add, end, told } = judged()
    expect(0)
    expect(0)
    add(0, outcome('ok'))
    add(0, outcome('ok'))
    assert.deepEqual(told(), [], 'it may have more')
    expect(2)
    assert.deepEqual(told(), [[0, 2]])
    expect(3)
    add(3, outcome('ok'))
    assert.deepEqual(told(), [[0, 2]], 'one of window 2 is still under way')
    add(2, outcome('late'))
    end()
    assert.deepEqual(told(), [
      [0, 2],
      [2, 1],
      [3, 1],
    ])
  })

  it('keep each wrong board once, and a bounded number', () => {
    const { expect, add, addFault, end, windows } = judged()
    expect(0)
    for (let index = 0; index < 100; index += 1) addFault(`fault ${index % 50}`)
    add(0, outcome('ok'))
    end()
    assert.equal(windows[0]?.boardFaults.length, 20)
    assert.equal(new Set(windows[0]?.boardFaults).size, 20)
  })
})
