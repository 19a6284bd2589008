import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { shardNumber } from '@votestream/schema/numbers'
import { createReadAhead } from '../../src/read-ahead.js'
import type { Takeover } from '../../src/takeover.js'

const shard = shardNumber(0)
// Only its identity matters here.
const learned = { lastSequence: 5 } as Takeover

describe('what is learned of a shard ahead', () => {
  it('is given away once: whoever has it changes it', async () => {
    const ahead = createReadAhead(async () => learned)
    await ahead.prepare(shard)
    assert.equal(await ahead.take(shard), learned)
    assert.equal(await ahead.take(shard), undefined)
  })

  it('is not given when it is no longer fresh', async () => {
    const ahead = createReadAhead(async () => learned, 1)
    await ahead.prepare(shard)
    // Timers go off in the order of their times, however late all of them are.
    await pause(20)
    assert.equal(await ahead.take(shard), undefined)
  })

  it('is waited for while it is still being learned, but not for long', async () => {
    let finish: (takeover: Takeover) => void = () => undefined
    const ahead = createReadAhead(() => new Promise((resolve) => (finish = resolve)), 50)
    void ahead.prepare(shard)
    const taken = ahead.take(shard)
    finish(learned)
    assert.equal(await taken, learned)
    void ahead.prepare(shard)
    // The timer does not hold the process, so something else must.
    const held = setInterval(() => undefined, 1_000)
    assert.equal(await ahead.take(shard), undefined)
    clearInterval(held)
  })

  it('that failed leaves the next owner to learn it itself', async () => {
    const ahead = createReadAhead(() => Promise.reject(new Error('away')))
    await assert.rejects(ahead.prepare(shard))
    assert.equal(await ahead.take(shard), undefined)
  })
})
