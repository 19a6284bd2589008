import assert from 'node:assert/strict'
import { eventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { type LogMessage, logMessage, VERDICT } from '@votestream/schema/votes'
import { logStretches } from '../../src/tally/log-stretches.js'
import { FIRST_MS, vote } from './random-log.js'

const event = eventNumber(7)
const shard = shardNumber(0)
const options = { shard, shards: 2, generation: 'g' }

const encoded = (message: Partial<LogMessage>): Uint8Array =>
  logMessage.encode({ votes: [], closings: [], takeover: null, decisions: [], ...message })
const votes = (count: number, voter = 2) =>
  encoded({ votes: Array.from({ length: count }, () => vote({ event, voter: voter as VoterNumber })) })
const newer = (): Uint8Array => {
  const bytes = Uint8Array.from(votes(1))
  bytes[1] = 3
  return bytes
}
const unreadable = Uint8Array.of(255, 255, 255)

const steps = (...messages: Uint8Array[]) => [
  ...logStretches(
    messages.map((data, index) => ({ sequence: index + 1, data, storedAtMs: FIRST_MS })),
    options,
  ),
]
/** The sequences of each stretch, and of its letters; a halt is its sequence. */
const shape = (...messages: Uint8Array[]) =>
  steps(...messages).map((step) =>
    step.do === 'halt'
      ? step.sequence
      : [step.messages.map(({ sequence }) => sequence), step.letters.map(({ sequence }) => sequence)],
  )

describe('the stretches of what was read of a log', () => {
  it('are one where all fits, with every message in order, empty ones too', () => {
    assert.deepEqual(shape(votes(1), encoded({}), votes(2)), [[[1, 2, 3], []]])
    assert.deepEqual(shape(), [])
  })

  it('end with the message that fills them, whatever kind its entries are of', () => {
    const decisions = Array.from({ length: 4_000 }, () => ({
      ...vote({ event, voter: 2 as VoterNumber }),
      votedAtMs: FIRST_MS,
      verdict: VERDICT.reject,
      decidedAtMs: FIRST_MS,
      decidedBy: 1 as VoterNumber,
    }))
    const cut = [
      [[1, 2], []],
      [[3], []],
    ]
    assert.deepEqual(shape(votes(1), votes(4_000), votes(1)), cut)
    assert.deepEqual(shape(votes(1), encoded({ decisions }), votes(1)), cut)
    // Voter 3 is of another shard: 4,000 dead entries.
    assert.deepEqual(shape(votes(1), votes(4_000, 3), votes(1)), [
      [[1, 2], [2]],
      [[3], []],
    ])
  })

  it('stand before a message of a newer writer, and nothing stands behind it', () => {
    assert.deepEqual(shape(votes(1), votes(1), newer(), votes(1)), [[[1, 2], []], 3])
    assert.deepEqual(shape(newer(), votes(1)), [1])
    assert.deepEqual(shape(votes(4_000), newer()), [[[1], []], 2])
  })

  it('have a letter for each message with something dead in it, with the message as it came', () => {
    const [step] = steps(votes(1), unreadable, votes(2, 3))
    assert.ok(step?.do === 'apply')
    assert.deepEqual(
      step.messages.map(({ votes: living, dead = [] }) => [living.length, dead.length]),
      [
        [1, 0],
        [0, 1],
        [0, 2],
      ],
    )
    const reasons = ['vote 0: voter 3 is of another shard', 'vote 1: voter 3 is of another shard']
    const letter = { shard, generation: 'g', storedAtMs: FIRST_MS }
    assert.deepEqual(step.letters[1], { ...letter, sequence: 3, reasons, data: votes(2, 3) })
    assert.equal(step.letters[0]?.data, unreadable)
  })
})
