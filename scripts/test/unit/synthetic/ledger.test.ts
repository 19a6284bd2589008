import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createLedger, type Ticket } from '../../../src/synthetic/ledger.js'

const taken = (ticket: Ticket | undefined): Ticket => {
  assert.ok(ticket)
  return ticket
}

describe('what a board of canary votes may show', () => {
  it('is each vote that was acknowledged, on a contestant that has no other one on its way', () => {
    const ledger = createLedger(2)
    const first = taken(ledger.begin(0))
    const second = taken(ledger.begin(0))
    assert.notEqual(first.contestant, second.contestant)
    assert.equal(ledger.begin(0), undefined, 'both have a vote on its way')
    assert.ok(!ledger.has(first, [0, 0]))
    // The board may be faster than the answer.
    assert.ok(ledger.has(first, [1, 0]))
    assert.deepEqual(ledger.faults([1, 0], [0, 0]), [])
    ledger.answered(first, 'acknowledged', 0)
    ledger.settle(first)
    assert.deepEqual(taken(ledger.begin(0)), { contestant: 0, total: 2 })
  })

  it('is not one vote more than was cast', () => {
    const ledger = createLedger(2)
    assert.deepEqual(ledger.faults([0, 1], undefined), [
      { contestant: 1, sentence: 'contestant 2 has 1 votes, and at most 0 were cast' },
    ])
    const ticket = taken(ledger.begin(0))
    assert.deepEqual(ledger.faults([1, 0], undefined), [])
    assert.match(ledger.faults([2, 0], undefined)[0]?.sentence ?? '', /has 2 votes, and at most 1/)
    ledger.answered(ticket, 'refused', 0)
    assert.match(ledger.faults([1, 0], undefined)[0]?.sentence ?? '', /has 1 votes, and at most 0/)
  })

  it('is not one vote fewer than was shown before', () => {
    const ledger = createLedger(1)
    ledger.answered(taken(ledger.begin(0)), 'acknowledged', 0)
    assert.deepEqual(ledger.faults([1], [0]), [])
    assert.deepEqual(ledger.faults([0], [1]), [
      { contestant: 0, sentence: 'contestant 1 has 0 votes, and had 1 before' },
    ])
  })

  it('a vote of which nobody knows what became is allowed for, and its contestant rests until it is decided', () => {
    const ledger = createLedger(1)
    const ticket = taken(ledger.begin(0))
    ledger.answered(ticket, 'uncertain', 1_000)
    ledger.settle(ticket)
    assert.deepEqual(ledger.faults([0], undefined), [])
    assert.deepEqual(ledger.faults([1], [0]), [])
    assert.equal(ledger.begin(1_000), undefined)
    // It was counted: the next one is the second.
    assert.deepEqual(ledger.begin(60_000), { contestant: 0, total: 2 })
  })

  it('an uncertain vote that was not counted is not waited for later', () => {
    const ledger = createLedger(1)
    const ticket = taken(ledger.begin(0))
    ledger.answered(ticket, 'uncertain', 0)
    ledger.settle(ticket)
    assert.deepEqual(ledger.begin(60_000), { contestant: 0, total: 1 })
  })

  it('finds nothing wrong with any true board, and each false one', () => {
    const step = fc.record({
      fate: fc.constantFrom('acknowledged', 'refused'),
      off: fc.integer({ min: -1, max: 1 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ledger = createLedger(3)
        const truth = [0, 0, 0]
        let before: number[] | undefined
        for (const { fate, off } of steps) {
          const ticket = taken(ledger.begin(0))
          if (fate === 'acknowledged') truth[ticket.contestant] = ticket.total
          ledger.answered(ticket, fate, 0)
          ledger.settle(ticket)
          const board = [...truth]
          assert.deepEqual(ledger.faults(board, before), [])
          before = board
          const at = ticket.contestant
          const wrong = board.map((votes, index) => (index === at ? votes + off : votes))
          const isWrong = off !== 0 && (wrong[at] ?? 0) >= 0
          if (isWrong)
            assert.deepEqual(
              ledger.faults(wrong, board).map(({ contestant }) => contestant),
              [at],
            )
        }
      }),
    )
  })
})
