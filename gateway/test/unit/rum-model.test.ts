import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createSchemaChecks } from '../../src/rest/validation.js'
import { BEACON_BYTES_MAX, beaconBody, RUM_ERROR_KINDS, RUM_MEASURES } from '../../src/rum/rum-beacon.js'
import { createMeasures, ERROR_KINDS, MEASURES } from '../../web/src/model/measures.js'
import { createVoteMarks } from '../../web/src/model/vote-marks.js'

const check = createSchemaChecks()(beaconBody, true)

describe('what the page measures', () => {
  it('has the names that the service knows', () => {
    assert.deepEqual(MEASURES, RUM_MEASURES)
    assert.deepEqual(ERROR_KINDS, RUM_ERROR_KINDS)
  })

  it('is taken by the service whatever was measured, and gone once it is taken', () => {
    const anyNumber = fc.oneof(fc.double(), fc.integer(), fc.double({ min: 0, max: 1e7 }))
    const step = fc.oneof(
      fc.record({ add: fc.constantFrom(...MEASURES), ms: anyNumber }),
      fc.record({ shift: anyNumber }),
      fc.record({ error: fc.constantFrom(...ERROR_KINDS) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const measures = createMeasures()
        for (const each of steps) {
          if ('add' in each) measures.add(each.add, each.ms)
          else if ('shift' in each) measures.shift(each.shift)
          else measures.error(each.error)
        }
        const body = measures.take()
        assert.equal(measures.take(), undefined)
        if (body === undefined) return
        assert.ok(Buffer.byteLength(body) <= BEACON_BYTES_MAX, `${Buffer.byteLength(body)} bytes`)
        assert.equal(check(JSON.parse(body)), undefined, body)
      }),
    )
  })

  it('is left out where it is more than one beacon holds', () => {
    const measures = createMeasures()
    for (let time = 0; time < 500; time += 1) {
      measures.add('connect_to_first_board', 599_999)
      measures.error('rejection')
    }
    const body = measures.take() ?? ''
    assert.equal(check(JSON.parse(body)), undefined)
    assert.ok(Buffer.byteLength(body) <= BEACON_BYTES_MAX, `${Buffer.byteLength(body)} bytes`)
  })

  it('is told in seconds, and errors by how often they came', () => {
    const measures = createMeasures()
    measures.add('vote_to_seen', 212.4)
    measures.add('lcp', 1_000_000)
    measures.shift(0.123456)
    for (let time = 0; time < 3; time += 1) measures.error('script')
    assert.deepEqual(JSON.parse(measures.take() ?? ''), {
      samples: [{ measure: 'vote_to_seen', seconds: 0.212 }],
      layout_shift: 0.1235,
      errors: { script: 3 },
    })
  })
})

describe('a vote on the page', () => {
  const marks = () => {
    let nowMs = 0
    const seen: number[] = []
    const made = createVoteMarks(
      (ms) => seen.push(ms),
      () => nowMs,
    )
    const board = (...totals: number[]) => ({
      standings: totals.map((totalVotes, at) => ({ totalVotes, contestant: { id: `c${at}` } })),
    })
    const at = (ms: number) => {
      nowMs = ms
      return { ...made, board: (...totals: number[]) => made.board('e', board(...totals)) }
    }
    return { at, seen }
  }
  const sending = { step: 'sending', contestantId: 'c1' } as const
  const counted = { step: 'counted', contestantId: 'c1' } as const

  it('is seen when it is counted and a board has more votes than before the click, whichever comes last', () => {
    const { at, seen } = marks()
    at(0).board(5, 5)
    at(100).vote('e', sending)
    at(150).board(6, 5)
    at(180).vote('e', counted)
    assert.deepEqual(seen, [], 'no board has it')
    at(240).board(6, 6)
    assert.deepEqual(seen, [140])
    at(300).board(6, 7)
    assert.deepEqual(seen, [140], 'once')
  })

  it("is not seen on a board by somebody else's vote before it is counted", () => {
    const { at, seen } = marks()
    at(0).board(0, 0)
    at(10).vote('e', sending)
    at(20).board(0, 1)
    at(90).vote('e', counted)
    assert.deepEqual(seen, [80])
  })

  it('counts from the first click when it has to be sent again', () => {
    const { at, seen } = marks()
    at(0).board(0, 0)
    at(10).vote('e', sending)
    at(2_000).vote('e', { step: 'unreached', contestantId: 'c1' })
    at(3_000).vote('e', sending)
    at(3_100).board(0, 1)
    at(3_110).vote('e', counted)
    assert.deepEqual(seen, [3_100])
  })

  it('is not measured where it was refused, or nobody had seen a board', () => {
    const { at, seen } = marks()
    at(0).vote('e', sending)
    at(1).board(0, 1)
    at(2).vote('e', counted)
    for (const step of ['refused', 'already', 'rejected'] as const) {
      at(10).vote('e', sending)
      at(11).vote('e', { step })
      at(12).board(0, 9)
      at(13).vote('e', counted)
    }
    assert.deepEqual(seen, [])
  })
})
