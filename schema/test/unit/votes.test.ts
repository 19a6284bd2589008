import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  contestantIndex,
  eventNumber,
  shardNumber,
  VOTER_NUMBER_MAX,
  voterNumber,
} from '../../src/numbers.js'
import {
  ATTEMPT_LIMIT,
  boardPart,
  closeReply,
  decodeOutcomes,
  encodeOutcomes,
  logMessage,
  OUTCOMES,
  UnknownVersionError,
  type Vote,
} from '../../src/votes.js'

const vote: fc.Arbitrary<Vote> = fc.record(
  {
    event: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(eventNumber),
    voter: fc.integer({ min: 1, max: VOTER_NUMBER_MAX }).map(voterNumber),
    contestant: fc.integer({ min: 0, max: 499 }).map(contestantIndex),
    attempt: fc.integer({ min: 0, max: ATTEMPT_LIMIT - 1 }),
    ackedAtMs: fc.integer({ min: 0, max: 4e12 }),
    flags: fc.integer({ min: 0, max: 255 }),
    clientTimestampMs: fc.integer({ min: 0, max: 4e12 }),
    deviceId: fc.string({ unit: 'grapheme' }),
    appVersion: fc.string(),
    channel: fc.integer({ min: 1, max: 2 }),
    traceId: fc.string(),
  },
  { noNullPrototype: true },
)

const plain = (message: { votes: Vote[] }): Vote[] =>
  message.votes.map((decoded) => ({
    event: decoded.event,
    voter: decoded.voter,
    contestant: decoded.contestant,
    attempt: decoded.attempt,
    ackedAtMs: decoded.ackedAtMs,
    flags: decoded.flags,
    clientTimestampMs: decoded.clientTimestampMs,
    deviceId: decoded.deviceId,
    appVersion: decoded.appVersion,
    channel: decoded.channel,
    traceId: decoded.traceId,
  }))

describe('messages of the vote path', () => {
  it('a log message read back is what was written, zeros and empty texts included', () => {
    fc.assert(
      fc.property(fc.array(vote, { maxLength: 20 }), (votes) => {
        const closings = [{ event: eventNumber(3), closedAtMs: 17 }]
        const read = logMessage.decode(logMessage.encode({ votes, closings, takeover: null, decisions: [] }))
        assert.deepEqual(plain(read), votes)
        assert.equal(read.closings[0]?.closedAtMs, 17)
        assert.equal(read.takeover, null)
      }),
    )
  })

  it('a message of an unknown version is told apart from a damaged one', () => {
    // Field 1 (version) = 3.
    assert.throws(() => logMessage.decode(Uint8Array.of(0x08, 0x03)), UnknownVersionError)
    const damaged = logMessage
      .encode({ votes: [], closings: [], takeover: { owner: 'x' }, decisions: [] })
      .slice(0, -1)
    assert.throws(
      () => logMessage.decode(damaged),
      (error: Error) => !(error instanceof UnknownVersionError),
    )
  })

  it('a part of a board that does not say when it was applied reads as 0', () => {
    const part = {
      event: eventNumber(3),
      shard: shardNumber(1),
      generation: 'g',
      sequence: 7,
      totals: [1],
      ackedAtMs: 5,
    }
    assert.equal(boardPart.decode(boardPart.encode(part)).appliedAtMs, 0)
    const told = boardPart.decode(boardPart.encode({ ...part, appliedAtMs: 1_700_000_000_123 }))
    assert.deepEqual([told.appliedAtMs, told.sequence, told.ackedAtMs], [1_700_000_000_123, 7, 5])
  })

  it('outcomes keep their order, and “not the owner” is no outcome', () => {
    assert.deepEqual(decodeOutcomes(encodeOutcomes(OUTCOMES)), [...OUTCOMES])
    assert.equal(decodeOutcomes(encodeOutcomes(null)), null)
  })

  it('a refusal to close reads as false', () => {
    assert.equal(closeReply.decode(closeReply.encode({ closed: false })).closed, false)
  })
})
