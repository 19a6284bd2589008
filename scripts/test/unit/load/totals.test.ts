import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createLatencies, percentilesOf } from '../../../src/load/latencies.js'
import { CONNECTION_LOST, NOT_SENT } from '../../../src/load/outcomes.js'
import type { Outcome } from '../../../src/load/protocol.js'
import { createSampleColumns } from '../../../src/load/sample-columns.js'
import type { SecondFigures } from '../../../src/load/seconds.js'
import { createTotals } from '../../../src/load/totals.js'

const ACKNOWLEDGED: Outcome = { is: 'acknowledged', code: '200' }
const REFUSED: Outcome = { is: 'refused', code: '429' }

/** Milliseconds after the start. */
interface Told {
  readonly request: number
  readonly series?: number
  readonly intendedMs: number
  readonly sentMs?: number
  readonly doneMs: number
  readonly outcome: Outcome
}

const samplesOf = (told: readonly Told[]) => {
  const columns = createSampleColumns()
  for (const { request, series = 0, intendedMs, sentMs = intendedMs, doneMs, outcome } of told) {
    const sent = { position: 0, intendedMs, noticedMs: intendedMs + 1, sentMs }
    columns.add(request, series, sent, doneMs, outcome)
  }
  const samples = columns.take()
  assert.ok(samples)
  return samples
}

const totalsOf = (count: number, onSecond: (second: SecondFigures) => void = () => undefined) =>
  createTotals({
    pace: { mode: 'open', perSecond: 10, rampSeconds: 1, seconds: 2 },
    series: [
      { name: 'REST', success: 'status' },
      { name: 'GraphQL', success: 'graphql' },
    ],
    count,
    timeoutMs: 5_000,
    onSecond,
  })

describe('latencies', () => {
  it('that are merged are those of all', () => {
    const durations = fc.array(fc.integer({ min: 0, max: 200_000_000 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(durations, durations, (first, second) => {
        const [a, b, all] = [createLatencies(), createLatencies(), createLatencies()]
        for (const micros of first) a.add(micros)
        for (const micros of second) b.add(micros)
        for (const micros of [...first, ...second]) all.add(micros)
        a.merge(b)
        assert.deepEqual(percentilesOf(a), percentilesOf(all))
        const exact = [...first, ...second].sort((x, y) => x - y)
        const median = exact[Math.ceil(exact.length / 2) - 1] ?? 0
        assert.ok(Math.abs(all.atMs(50) * 1_000 - median) <= Math.max(1, median / 1_000))
      }),
      { numRuns: 30 },
    )
  })
  it('that are none have no percentiles', () => {
    assert.ok(Number.isNaN(createLatencies().atMs(99)))
  })
})

describe('the totals of a load', () => {
  it('count a latency from the intended time, and leave out the ramp', () => {
    const totals = totalsOf(3)
    totals.add(
      samplesOf([
        { request: 0, intendedMs: 500, doneMs: 1_500, outcome: ACKNOWLEDGED },
        { request: 1, intendedMs: 1_000, sentMs: 1_400, doneMs: 1_500, outcome: ACKNOWLEDGED },
        { request: 2, series: 1, intendedMs: 1_200, doneMs: 1_203, outcome: ACKNOWLEDGED },
      ]),
    )
    const result = totals.result()
    const [rest, graphql] = result.series
    assert.deepEqual([result.acknowledged, result.all.latency.count], [3, 2])
    assert.ok(Math.abs((rest?.latency.maxMs ?? 0) - 500) < 1)
    assert.ok(Math.abs((rest?.service.maxMs ?? 0) - 100) < 1)
    assert.ok(Math.abs((graphql?.latency.maxMs ?? 0) - 3) < 0.1)
    assert.ok(Math.abs(result.lateness.maxMs - 1) < 0.1)
    assert.deepEqual([...result.acknowledgedMs], [1_500, 1_500, 1_203])
  })

  it('count what was never answered as long as the timeout, and a refusal not at all', () => {
    const totals = totalsOf(3)
    totals.add(
      samplesOf([
        { request: 0, intendedMs: 1_000, doneMs: 1_001, outcome: CONNECTION_LOST },
        { request: 1, intendedMs: 1_100, doneMs: 1_101, outcome: REFUSED },
        { request: 2, intendedMs: 1_200, sentMs: 6_300, doneMs: 6_300, outcome: NOT_SENT },
      ]),
    )
    const { all, sent, unsent, sentInTime, acknowledged, outcomes, acknowledgedMs } = totals.result()
    assert.equal(all.latency.count, 2)
    assert.ok(all.latency.atMs(1) >= 4_999)
    assert.deepEqual(
      { sent, unsent, sentInTime, acknowledged },
      { sent: 2, unsent: 1, sentInTime: 2, acknowledged: 0 },
    )
    assert.deepEqual(outcomes.map(({ is, count }) => `${is} ${count}`).sort(), [
      'refused 1',
      'unanswered 1',
      'unsent 1',
    ])
    assert.ok([...acknowledgedMs].every(Number.isNaN))
  })

  it('tell each second once it is over, and every request in one of them', () => {
    const told: SecondFigures[] = []
    const totals = totalsOf(3, (second) => told.push(second))
    totals.add(
      samplesOf([
        { request: 0, intendedMs: 900, doneMs: 1_100, outcome: ACKNOWLEDGED },
        { request: 1, intendedMs: 1_500, doneMs: 1_600, outcome: REFUSED },
      ]),
    )
    totals.passed(1_500)
    assert.equal(told.length, 0)
    totals.passed(2_700)
    // Its process was late: the second is gone.
    totals.add(samplesOf([{ request: 2, intendedMs: 1_900, doneMs: 1_950, outcome: ACKNOWLEDGED }]))
    const { seconds } = totals.result()
    assert.deepEqual(
      seconds.map(({ second, asked, sent, acknowledged, errors }) => [
        second,
        asked,
        sent,
        acknowledged,
        errors,
      ]),
      [
        [0, 5, 1, 0, {}],
        [1, 10, 1, 1, { 429: 1 }],
        [2, 10, 1, 1, {}],
      ],
    )
    assert.deepEqual(told, seconds)
  })

  it('hold no more codes than a bound, however many a server invents', () => {
    const many = Array.from({ length: 1_000 }, (_, request) => ({
      request,
      intendedMs: 1_000,
      doneMs: 1_001,
      outcome: { is: 'refused', code: `400 ${request}` } as const,
    }))
    const samples = samplesOf(many)
    assert.equal(samples.count, 1_000)
    assert.equal(samples.outcomes.length, 201)
    assert.equal(samples.outcomes[samples.outcome[999] ?? 0]?.code, 'others')
  })
})
