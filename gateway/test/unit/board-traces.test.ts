import assert from 'node:assert/strict'
import { traceParentOf } from '@votestream/infra/telemetry/trace-context'
import { NO_TRACING, type Tracing } from '@votestream/infra/telemetry/tracing'
import { TRACES_SHOWN_MAX } from '@votestream/schema/votes'
import type { Viewer } from '../../src/live/audience.js'
import { createBoardTraces, joinTraces, traceIdsOf } from '../../src/live/board-traces.js'
import { createBroadcasts, type Payload } from '../../src/live/broadcasts.js'

const traceId = (number: number): string => number.toString(16).padStart(32, '0')
const parents = (...numbers: number[]): string[] =>
  numbers.map((number) => traceParentOf({ traceId: traceId(number), spanId: '00000000000000aa' }))

describe('the traces of a board', () => {
  it('are those of all that it is the first to show, up to a bound', () => {
    const many = Array.from({ length: 2 * TRACES_SHOWN_MAX }, (_, index) => index + 1)
    assert.deepEqual(joinTraces(parents(1), parents(2)), parents(1, 2))
    assert.deepEqual(joinTraces(parents(1), undefined), parents(1))
    assert.deepEqual(joinTraces(undefined, parents(2)), parents(2))
    assert.equal(joinTraces(undefined, []), undefined)
    assert.equal(joinTraces(parents(99), parents(...many))?.length, TRACES_SHOWN_MAX)
    assert.equal(traceIdsOf(parents(...many)).length, TRACES_SHOWN_MAX)
  })

  it('are told to a viewer by their ids alone, each once, and what is none is left out', () => {
    assert.deepEqual(traceIdsOf([...parents(1, 2, 1), 'x', '']), [traceId(1), traceId(2)])
  })

  it('are told of once for a board, however many groups are shown it', () => {
    const stages: string[] = []
    const tracing: Tracing = {
      ...NO_TRACING,
      on: true,
      stage: ({ name }, votes) => {
        stages.push(`${name} ${votes.length}`)
        return { context: undefined, votes, end: () => void stages.push('ended') }
      },
    }
    const traces = createBoardTraces(tracing)
    const shown = parents(1, 2)
    for (let group = 0; group < 3; group += 1) traces.push(shown).end()
    traces.push(undefined).end()
    traces.push(parents(3)).end()
    assert.deepEqual(stages, ['leaderboard push 2', 'ended', 'leaderboard push 1', 'ended'])
  })

  it('are nothing new by themselves: who is shown the same as before is not told of them', async () => {
    const seen: string[] = []
    const viewer: Viewer = {
      bufferedBytes: 0,
      send: (payload) => void seen.push(String(payload)),
      drop: () => undefined,
    }
    const traced = (text: string): Payload => ({
      bytes: Buffer.from(text),
      since: { traces: parents(1) },
      told: Buffer.from(`${text} traced`),
    })
    async function* make(): AsyncGenerator<Payload, undefined> {
      yield { bytes: Buffer.from('1') }
      yield traced('1')
      yield traced('2')
      return undefined
    }
    await createBroadcasts()
      .follow('one', async () => make(), viewer)
      .next()
    assert.deepEqual(seen, ['1', '2 traced'])
  })
})
