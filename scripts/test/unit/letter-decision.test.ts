import assert from 'node:assert/strict'
import { NO_EVENT } from '@votestream/schema/log-entries'
import { type ContestantIndex, eventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { logMessage, type Vote } from '@votestream/schema/votes'
import { decideLetter } from '../../src/dead/letter-decision.js'

const letter = { shard: shardNumber(0), generation: 'this log' }
const vote = (event: number, voter: number): Vote => ({
  event: eventNumber(event),
  voter: voter as VoterNumber,
  contestant: 0 as ContestantIndex,
  attempt: 1,
  ackedAtMs: Date.UTC(2026, 5, 1),
  flags: 0,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 1,
  traceId: '',
})
const message = (...votes: Vote[]) =>
  logMessage.encode({ votes, closings: [], takeover: null, decisions: [] })

describe('a letter that is read again', () => {
  it('is counted when all of it can be, in every event that it names', () => {
    const decision = decideLetter(letter, message(vote(7, 2), vote(9, 4)), 'this log', 2)
    assert.deepEqual(decision, { do: 'count', events: new Set([NO_EVENT, 7, 9]) })
  })

  it('is kept while anything in it is dead, or of another version', () => {
    assert.equal(decideLetter(letter, message(vote(7, 2), vote(7, 3)), 'this log', 2).do, 'keep')
    assert.equal(decideLetter(letter, Uint8Array.from([255]), 'this log', 2).do, 'keep')
    // Version 99, as protobuf writes it.
    assert.equal(decideLetter(letter, Uint8Array.from([8, 99]), 'this log', 2).do, 'keep')
  })

  it('is kept when its message is gone, or is of another log', () => {
    assert.equal(decideLetter(letter, undefined, 'this log', 2).do, 'keep')
    assert.equal(decideLetter(letter, message(vote(7, 2)), 'another log', 2).do, 'keep')
  })
})
