import assert from 'node:assert/strict'
import { eventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import type { Vote } from '@votestream/schema/votes'
import { stretchCall } from '../../src/tally/stretch.js'
import { vote } from './random-log.js'

const AT = 1_700_000_000_000
const event = eventNumber(7)
const other = eventNumber(8)

const earliestOf = (votes: readonly Vote[]) => {
  const messages = votes.map((each, index) => ({
    sequence: index + 1,
    votes: [each],
    closings: [],
    takeover: null,
    decisions: [],
  }))
  return stretchCall(messages, { shard: shardNumber(0), shards: 2, generation: 'g', previous: 0 }).earliest
}
const cast = (voter: number, ackedAtMs: number, clientTimestampMs: number, of = event): Vote =>
  vote({ event: of, voter: voter as VoterNumber, ackedAtMs, clientTimestampMs })

describe('the times of a stretch of the log', () => {
  it('are those of the first vote of each event', () => {
    const earliest = earliestOf([cast(2, AT, AT - 30), cast(4, AT + 5, AT - 90), cast(6, AT + 9, 0, other)])
    assert.deepEqual(earliest.get(event), { ackedAtMs: AT, clientAtMs: AT - 30 })
    assert.deepEqual(earliest.get(other), { ackedAtMs: AT + 9, clientAtMs: 0 })
  })

  it('believe a client who sent no later than it was acknowledged, and no more than a minute before', () => {
    const believed = (clientAtMs: number) => earliestOf([cast(2, AT, clientAtMs)]).get(event)?.clientAtMs
    for (const sane of [AT, AT - 1, AT - 60_000]) assert.equal(believed(sane), sane)
    for (const not of [AT + 1, AT - 60_001, 0]) assert.equal(believed(not), 0)
    // The next one who is to be believed speaks for the stretch.
    assert.equal(earliestOf([cast(2, AT, AT + 5), cast(4, AT + 1, AT)]).get(event)?.clientAtMs, AT)
  })
})
