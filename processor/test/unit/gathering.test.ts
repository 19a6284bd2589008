import assert from 'node:assert/strict'
import { gather } from '../../src/archive/gathering.js'

interface Item {
  readonly id: number
  readonly rows: number
}

const LONG_MS = 60_000

/** A source that is fed by hand. */
const createSource = () => {
  const chunks: Item[][] = []
  let wake = () => {}
  let ended: { error?: Error } | undefined
  const source = async function* (): AsyncGenerator<Item[], void> {
    for (;;) {
      const chunk = chunks.shift()
      if (chunk) yield chunk
      else if (ended?.error) throw ended.error
      else if (ended) return
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  }
  return {
    source: source(),
    unread: () => chunks.length,
    push(...items: Item[]) {
      chunks.push(items)
      wake()
    },
    end(error?: Error) {
      ended = error ? { error } : {}
      wake()
    },
  }
}

const items = (from: number, to: number, rows = 1): Item[] =>
  Array.from({ length: to - from }, (_, index) => ({ id: from + index, rows }))

const ids = (batch: Item[] | undefined) => batch?.map(({ id }) => id)

describe('Gathering', () => {
  it('tells how many rows wait, how often the source had to, and that nothing waits behind its end', async () => {
    const { source, push } = createSource()
    const waiting = { rows: 0, stops: 0 }
    const ended = new AbortController()
    const batches = gather(source, { rowsMax: 10, pauseMs: 0, signal: ended.signal, waiting })
    push(...items(0, 25))
    assert.equal((await batches.next()).value?.length, 10)
    assert.deepEqual(waiting, { rows: 15, stops: 1 })
    assert.equal((await batches.next()).value?.length, 10)
    assert.equal(waiting.rows, 5)
    push(...items(25, 28))
    ended.abort()
    // What came too late is nobody's.
    push(...items(28, 30))
    assert.equal((await batches.next()).done, true)
    assert.equal(waiting.rows, 0)
  })

  it('hands out what comes after a silence at once', async () => {
    const { source, push } = createSource()
    const batches = gather(source, { rowsMax: 10, pauseMs: LONG_MS, signal: new AbortController().signal })
    push(...items(0, 1))
    assert.deepEqual(ids((await batches.next()).value ?? undefined), [0])
  })

  it('does not wait for its pause when a batch is full', async () => {
    const { source, push } = createSource()
    const batches = gather(source, { rowsMax: 10, pauseMs: LONG_MS, signal: new AbortController().signal })
    push(...items(0, 25))
    assert.deepEqual(ids((await batches.next()).value ?? undefined)?.length, 10)
    assert.deepEqual(ids((await batches.next()).value ?? undefined)?.length, 10)
    const third = batches.next()
    push(...items(25, 30))
    assert.deepEqual(ids((await third).value ?? undefined), [20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
  })

  it('puts what arrives during the pause into one batch', async () => {
    const { source, push } = createSource()
    const batches = gather(source, { rowsMax: 10, pauseMs: 50, signal: new AbortController().signal })
    push(...items(0, 1))
    await batches.next()
    const second = batches.next()
    push(...items(1, 2))
    setTimeout(() => push(...items(2, 3)), 5)
    assert.deepEqual(ids((await second).value ?? undefined), [1, 2])
  })

  it('stops reading the source when two batches wait', async () => {
    const feed = createSource()
    const batches = gather(feed.source, { rowsMax: 10, pauseMs: 0, signal: new AbortController().signal })
    for (let from = 0; from < 100; from += 5) feed.push(...items(from, from + 5))
    await batches.next()
    await new Promise(setImmediate)
    assert.ok(feed.unread() >= 20 - 6 - 2, `${feed.unread()} chunks are unread`)
  })

  it('hands out what came before the source failed, then fails', async () => {
    const { source, push, end } = createSource()
    const batches = gather(source, { rowsMax: 10, pauseMs: LONG_MS, signal: new AbortController().signal })
    push(...items(0, 15))
    end(new Error('unreadable'))
    assert.equal(ids((await batches.next()).value ?? undefined)?.length, 10)
    assert.equal(ids((await batches.next()).value ?? undefined)?.length, 5)
    await assert.rejects(batches.next(), /unreadable/)
  })

  it('ends when it is told to, though nothing arrives', async () => {
    const { source, end } = createSource()
    const ended = new AbortController()
    const batches = gather(source, { rowsMax: 10, pauseMs: LONG_MS, signal: ended.signal })
    const next = batches.next()
    ended.abort()
    end()
    assert.equal((await next).done, true)
  })
})
