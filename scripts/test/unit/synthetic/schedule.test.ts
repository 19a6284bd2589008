import assert from 'node:assert/strict'
import {
  apiOf,
  dueMs,
  intervalMs,
  isFresh,
  placeOf,
  preparesAt,
  roundMs,
} from '../../../src/synthetic/schedule.js'

const HOUR = { checks: 1_000, checksPerHour: 1_000 }

describe('the schedule of checks', () => {
  it('has 1,000 an hour, 3.6 s apart, and a fresh event each hour', () => {
    assert.equal(intervalMs(HOUR), 3_600)
    assert.equal(roundMs(HOUR), 3_600_000)
    assert.deepEqual(placeOf(HOUR, 999), { round: 0, index: 999 })
    assert.deepEqual(placeOf(HOUR, 1_000), { round: 1, index: 0 })
    assert.equal(dueMs(HOUR, 1_000), 3_600_000)
  })

  it('has each voter once in an event, and REST and GraphQL in turn, on fresh connections, too', () => {
    const places = Array.from({ length: 3_000 }, (_, check) => placeOf(HOUR, check))
    for (const round of [0, 1, 2]) {
      const voters = places.filter((place) => place.round === round).map(({ index }) => index)
      assert.equal(new Set(voters).size, 1_000)
    }
    const apis = places.slice(0, 1_000).map(({ index }) => apiOf(index))
    assert.equal(apis.filter((api) => api === 'rest').length, 500)
    for (const [index, api] of apis.entries()) assert.notEqual(api, apis[index + 1])
    const fresh = Array.from({ length: 1_000 }, (_, index) => index).filter(isFresh)
    assert.equal(new Set(fresh.map(apiOf)).size, 2)
    assert.equal(fresh.length, 111)
  })

  it('makes the next event 30 s before its first check, or half of an event before where that is sooner', () => {
    assert.equal(preparesAt(HOUR), 1_000 - 9)
    assert.equal(preparesAt({ checks: 60, checksPerHour: 18_000 }), 30)
    assert.equal(preparesAt({ checks: 2, checksPerHour: 1_000 }), 1)
  })
})
