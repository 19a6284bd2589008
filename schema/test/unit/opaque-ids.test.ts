import assert from 'node:assert/strict'
import fc from 'fast-check'
import { contestantIndex, eventNumber, VOTER_NUMBER_MAX, voterNumber } from '../../src/numbers.js'
import { createOpaqueIds, OPAQUE_ID_LENGTH } from '../../src/opaque-ids.js'

const ids = createOpaqueIds('a secret')
const events = fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(eventNumber)
const voters = fc.integer({ min: 1, max: VOTER_NUMBER_MAX }).map(voterNumber)
const indexes = fc.integer({ min: 0, max: 499 }).map(contestantIndex)

describe('opaque identifiers', () => {
  it('every identifier read back names what it was made for', () => {
    fc.assert(
      fc.property(events, voters, indexes, (event, voter, index) => {
        assert.equal(ids.parseUserId(ids.userId(voter)), voter)
        assert.equal(ids.parseEventId(ids.eventId(event)), event)
        assert.deepEqual(ids.parseContestantId(ids.contestantId(event, index)), { event, index })
        assert.deepEqual(ids.parseVoteId(ids.voteId(event, voter)), { event, voter })
        assert.equal(ids.voteId(event, voter).length, OPAQUE_ID_LENGTH)
      }),
    )
  })

  it('an identifier of one type is malformed as any other', () => {
    const event = ids.eventId(eventNumber(1))
    const user = ids.userId(voterNumber(1))
    assert.equal(ids.parseUserId(event), undefined)
    assert.equal(ids.parseEventId(user), undefined)
    assert.equal(ids.parseVoteId(event), undefined)
    assert.equal(ids.parseContestantId(event), undefined)
  })

  it('a change of any character makes it malformed, the unused bits of the last one included', () => {
    const id = ids.voteId(eventNumber(7), voterNumber(123456))
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (let place = 0; place < id.length; place += 1) {
      for (const letter of alphabet) {
        const changed = id.slice(0, place) + letter + id.slice(place + 1)
        if (changed !== id) assert.equal(ids.parseVoteId(changed), undefined, changed)
      }
    }
  })

  it('any other text is malformed, never an exception', () => {
    fc.assert(fc.property(fc.string(), (text) => ids.parseEventId(text) === undefined))
    for (const text of [
      '',
      'A',
      'A'.repeat(21),
      'A'.repeat(23),
      `${'A'.repeat(21)}=`,
      `${'A'.repeat(20)}+/`,
    ]) {
      assert.equal(ids.parseEventId(text), undefined)
    }
  })

  it('another secret reads nothing', () => {
    assert.equal(createOpaqueIds('another').parseEventId(ids.eventId(eventNumber(1))), undefined)
  })
})
