import assert from 'node:assert/strict'
import { createOpenCounts } from '../../src/live/open-counts.js'

describe('what is open', () => {
  it('is bounded for each key, and a place is given back once', () => {
    const counts = createOpenCounts(2)
    const [first, second] = [counts.enter('a'), counts.enter('a')]
    assert.ok(first && second)
    assert.equal(counts.enter('a'), undefined)
    assert.ok(counts.enter('b'))
    assert.equal(counts.open, 3)
    first()
    first()
    assert.equal(counts.open, 2)
    assert.ok(counts.enter('a'))
    assert.equal(counts.enter('a'), undefined)
  })
})
