import assert from 'node:assert/strict'
import { createLatest } from '../../src/live/latest.js'

const nothing = () => undefined

describe('a sequence of latest values', () => {
  it('hands a slow reader the latest value, and queues none', async () => {
    const values = createLatest<number>(nothing)
    for (const value of [1, 2, 3]) values.push(value)
    assert.deepEqual(await values.next(), { value: 3, done: false })
    const next = values.next()
    values.push(4)
    assert.deepEqual(await next, { value: 4, done: false })
  })

  it('hands out what waits before it ends', async () => {
    const values = createLatest<number>(nothing)
    values.push(1)
    values.end()
    values.push(2)
    assert.deepEqual(await values.next(), { value: 1, done: false })
    assert.equal((await values.next()).done, true)
    assert.equal((await values.next()).done, true)
  })

  it('tells an error once, then is over', async () => {
    const values = createLatest<number>(nothing)
    values.end(new Error('gone'))
    await assert.rejects(values.next(), /gone/)
    assert.equal((await values.next()).done, true)
  })

  it('a reader that leaves is let go while it waits, and is told once', async () => {
    let left = 0
    const values = createLatest<number>(() => {
      left += 1
    })
    const waiting = values.next()
    await values.return?.()
    assert.equal((await waiting).done, true)
    values.end()
    assert.equal(left, 1)
  })
})
