import assert from 'node:assert/strict'
import { accountKey } from '../../src/account-record.js'
import { decodeEvent, encodeEvent, eventStatus, rankStandings } from '../../src/event-record.js'
import { eventNumber, shardOf, voterNumber } from '../../src/numbers.js'

describe('records', () => {
  it('usernames that differ in case or compatibility form are one account', () => {
    assert.equal(accountKey('Ana'), accountKey('ana'))
    assert.equal(accountKey('ﬁona'), accountKey('fiona'))
    assert.notEqual(accountKey('ana'), accountKey('anna'))
  })

  it('an event is scheduled, then open, then closed', () => {
    const event = { opensAtMs: 100, closesAtMs: 200 }
    assert.equal(eventStatus(event, 99), 'SCHEDULED')
    assert.equal(eventStatus(event, 100), 'OPEN')
    assert.equal(eventStatus(event, 199), 'OPEN')
    assert.equal(eventStatus(event, 200), 'CLOSED')
    assert.equal(eventStatus({ opensAtMs: null, closesAtMs: null }, 0), 'OPEN')
  })

  it('an event record read back is what was written, and an unknown version is refused', () => {
    const event = {
      version: 1 as const,
      number: eventNumber(9),
      name: 'Finale – 日本',
      createdBy: voterNumber(4),
      createdAtMs: 1,
      opensAtMs: null,
      closesAtMs: 5,
      contestants: [{ name: 'A', description: '', imageUrl: 'https://example.org/a.png' }],
    }
    assert.deepEqual(decodeEvent(encodeEvent(event)), event)
    assert.throws(() => decodeEvent(Buffer.from('{"version":2}')), /version 2/)
  })

  it('most votes come first, and ties keep the order of the event', () => {
    assert.deepEqual(
      rankStandings([3, 9, 3, 0]).map(({ index, rank, totalVotes }) => [rank, index, totalVotes]),
      [
        [1, 1, 9],
        [2, 0, 3],
        [3, 2, 3],
        [4, 3, 0],
      ],
    )
  })

  it('a voter is always in the same shard', () => {
    assert.equal(shardOf(voterNumber(7), 2), 1)
    assert.equal(shardOf(voterNumber(8), 2), 0)
    assert.throws(() => voterNumber(0), RangeError)
  })
})
