import assert from 'node:assert/strict'
import { NO_TRACING, type Tracing } from '@votestream/infra/telemetry/tracing'
import { eventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { TRACES_SHOWN_MAX, type Vote } from '@votestream/schema/votes'
import { createLogTraces, shownTraces } from '../../src/log-traces.js'
import { vote } from './random-log.js'

const SPAN = 'b7ad6b7169203331'
const NOW_MS = 10_000_000
const tracing: Tracing = { ...NO_TRACING, on: true }

describe('the traces of the log', () => {
  const traces = createLogTraces(tracing, () => NOW_MS)
  const votes = (event: number, count: number, spanId = SPAN): Vote[] =>
    Array.from({ length: count }, (_, index) => ({
      ...vote({ event: eventNumber(event), voter: (index + 1) as VoterNumber }),
      traceId: (index + 1).toString(16).padStart(32, '0'),
      spanId,
    }))

  it('are those of the votes that are sampled, and of no others', () => {
    const unsampled = { ...vote({ event: eventNumber(1), voter: 9 as VoterNumber }), traceId: 'f'.repeat(32) }
    const sampled = traces.sampled({
      votes: [unsampled, ...votes(1, 2), ...votes(1, 1, '')],
      storedAtMs: NOW_MS,
    })
    assert.deepEqual(
      sampled.map(({ context }) => context.spanId),
      [SPAN, SPAN],
    )
    assert.equal(
      createLogTraces(NO_TRACING, () => NOW_MS).sampled({ votes: votes(1, 2), storedAtMs: NOW_MS }).length,
      0,
    )
  })

  it('are not told again of votes that were stored a minute ago, when the log is read anew', () => {
    const told = (agoMs: number): number =>
      traces.sampled({ votes: votes(1, 3), storedAtMs: NOW_MS - agoMs }).length
    assert.deepEqual([told(0), told(60_000), told(60_001), told(3_600_000)], [3, 3, 0, 0])
  })

  it('are bounded, in a message and on a board', () => {
    const sampled = traces.sampled({ votes: [...votes(1, 500), ...votes(2, 1)], storedAtMs: NOW_MS })
    assert.equal(sampled.length, 128)
    const few = traces.sampled({ votes: [...votes(1, 20), ...votes(2, 1)], storedAtMs: NOW_MS })
    const contexts = traces.apply(shardNumber(0), few, { rows: 21 }).votes
    const shown = shownTraces(few, contexts)
    assert.deepEqual(
      [...shown].map(([event, { length }]) => [event, length]),
      [
        [1, TRACES_SHOWN_MAX],
        [2, 1],
      ],
    )
  })
})
