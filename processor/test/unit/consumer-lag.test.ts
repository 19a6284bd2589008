import assert from 'node:assert/strict'
import { backlogOf, createVotesPerMessage } from '../../src/lag/consumer-lag.js'

const log = (firstSequence: number, lastSequence: number) => ({
  generation: 'g',
  firstSequence,
  lastSequence,
})

describe('how far a sink is behind a log', () => {
  it('is what stands in the log behind its checkpoint, and nothing where it holds all', () => {
    assert.deepEqual(backlogOf(log(1, 10), { generation: 'g', sequence: 7 }), { messages: 3, oldest: 8 })
    assert.deepEqual(backlogOf(log(1, 10), { generation: 'g', sequence: 10 }), {
      messages: 0,
      oldest: undefined,
    })
    // It was asked after the log.
    assert.equal(backlogOf(log(1, 10), { generation: 'g', sequence: 12 }).messages, 0)
  })

  it('is the whole log where the sink holds nothing, or another log', () => {
    assert.deepEqual(backlogOf(log(1, 10), undefined), { messages: 10, oldest: 1 })
    assert.deepEqual(backlogOf(log(4, 10), { generation: 'other', sequence: 9 }), { messages: 7, oldest: 4 })
    assert.deepEqual(backlogOf(log(0, 0), undefined), { messages: 0, oldest: undefined })
    // A log that was purged to its end.
    assert.deepEqual(backlogOf(log(11, 10), undefined), { messages: 0, oldest: undefined })
  })

  it('in votes is exact for one message, and by an average of what was seen beyond it', () => {
    const votes = createVotesPerMessage()
    assert.equal(votes.estimate(200, 1), 200)
    assert.equal(votes.estimate(200, 3), 600)
    // One small message among large ones does not make the others small.
    assert.equal(votes.estimate(1, 3), Math.round(1 + 2 * 160.2))
  })
})
