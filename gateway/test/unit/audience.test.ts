import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createAudience, type Patience, type Viewer } from '../../src/live/audience.js'
import { createBroadcasts, type Payload } from '../../src/live/broadcasts.js'
import { type LiveMetrics, NO_METRICS } from '../../src/live/live-metrics.js'

const PATIENCE: Patience = { bufferedBytes: 10, bufferedBytesMax: 1_000, ms: 200 }

interface TestViewer extends Viewer {
  bufferedBytes: number
  readonly seen: string[]
  dropped: boolean
}

const viewer = (): TestViewer => {
  const seen: string[] = []
  return {
    bufferedBytes: 0,
    seen,
    dropped: false,
    send: (payload) => void seen.push(String(payload)),
    drop() {
      this.dropped = true
    },
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await pause(2)
}

const board = (text: string): Buffer => Buffer.from(text)

describe('an audience', () => {
  it('shows whoever comes the latest at once, and everybody what follows, once', async () => {
    const audience = createAudience({ onEmpty: () => undefined })
    const [first, second] = [viewer(), viewer()]
    audience.join(first)
    await audience.show(board('1'))
    audience.join(second)
    assert.deepEqual(second.seen, ['1'])
    await audience.show(board('2'))
    assert.deepEqual(
      [first.seen, second.seen],
      [
        ['1', '2'],
        ['1', '2'],
      ],
    )
  })

  it('shows who comes in the middle of a long sending what is sent, once, and lets others work meanwhile', async () => {
    const audience = createAudience({ onEmpty: () => undefined })
    const many = Array.from({ length: 3_000 }, viewer)
    for (const each of many) audience.join(each)
    const sending = audience.show(board('1'))
    assert.ok(many.some(({ seen }) => seen.length === 0))
    const late = viewer()
    audience.join(late)
    await sending
    assert.deepEqual(late.seen, ['1'])
    assert.ok(many.every(({ seen }) => seen.length === 1))
  })

  it('gives others as much time as a long sending took, before it shows what is next', async () => {
    const audience = createAudience({ onEmpty: () => undefined })
    const sendingMs = 10
    let sentAtMs = 0
    audience.join({
      ...viewer(),
      send() {
        const beganMs = performance.now()
        do sentAtMs = performance.now()
        while (sentAtMs - beganMs < sendingMs)
      },
    })
    await audience.show(board('1'))
    const restedMs = performance.now() - sentAtMs
    // Timers count whole milliseconds.
    assert.ok(restedMs >= sendingMs - 1, `${restedMs} ms`)
  })

  it('lets who does not read skip to the latest, while others see everything', async () => {
    const audience = createAudience({ onEmpty: () => undefined, patience: PATIENCE })
    const [slow, quick] = [viewer(), viewer()]
    audience.join(slow)
    audience.join(quick)
    slow.bufferedBytes = 11
    for (const text of ['1', '2', '3']) await audience.show(board(text))
    assert.deepEqual([slow.seen, quick.seen], [[], ['1', '2', '3']])
    slow.bufferedBytes = 0
    await until(() => slow.seen.length > 0)
    await pause(100)
    assert.deepEqual(slow.seen, ['3'])
    assert.equal(slow.dropped, false)
  })

  it('drops who does not read for too long, or has too much waiting', async () => {
    const audience = createAudience({ onEmpty: () => undefined, patience: PATIENCE })
    const [stopped, flooded, quick] = [viewer(), viewer(), viewer()]
    for (const each of [stopped, flooded, quick]) audience.join(each)
    stopped.bufferedBytes = 11
    flooded.bufferedBytes = 1_001
    const startedAtMs = performance.now()
    await audience.show(board('1'))
    await until(() => flooded.dropped)
    assert.equal(stopped.dropped, false)
    await until(() => stopped.dropped)
    assert.ok(performance.now() - startedAtMs >= PATIENCE.ms)
    assert.equal(quick.dropped, false)
  })

  it('says when nobody is left, and keeps nothing of those who left', async () => {
    let empty = 0
    const audience = createAudience({ onEmpty: () => (empty += 1), patience: PATIENCE })
    const slow = viewer()
    const left = audience.join(slow)
    slow.bufferedBytes = 11
    await audience.show(board('1'))
    await left.return?.()
    assert.deepEqual([audience.size, empty], [0, 1])
    slow.bufferedBytes = 0
    await pause(100)
    assert.deepEqual(slow.seen, [])
  })

  it('ends what everybody follows, with the error', async () => {
    const audience = createAudience({ onEmpty: () => undefined })
    const followed = [audience.join(viewer()), audience.join(viewer())]
    audience.end(new Error('no board'))
    for (const each of followed) await assert.rejects(each.next(), /no board/)
  })
})

describe('broadcasts', () => {
  /** A source whose next payload is given by hand. */
  const source = () => {
    let give: (result: IteratorResult<Payload>) => void = () => undefined
    const state = { made: 0, asked: 0, returned: 0 }
    const iterator: AsyncIterator<Payload> = {
      next: () =>
        new Promise((resolve) => {
          state.asked += 1
          give = resolve
        }),
      async return() {
        state.returned += 1
        return { value: undefined, done: true }
      },
    }
    return {
      state,
      make: async () => {
        state.made += 1
        return iterator
      },
      give: (text: string, appliedAtMs?: number) =>
        give({
          value: { bytes: board(text), since: appliedAtMs === undefined ? undefined : { appliedAtMs } },
          done: false,
        }),
      end: () => give({ value: undefined, done: true }),
    }
  }

  it('make once what many follow under one key, and something else under another', async () => {
    const broadcasts = createBroadcasts()
    const [one, other] = [source(), source()]
    const [first, second, third] = [viewer(), viewer(), viewer()]
    broadcasts.follow('one', one.make, first)
    broadcasts.follow('one', one.make, second)
    broadcasts.follow('other', other.make, third)
    await until(() => one.state.asked === 1 && other.state.asked === 1)
    one.give('1')
    other.give('A')
    await until(() => third.seen.length === 1 && second.seen.length === 1)
    assert.deepEqual([first.seen, second.seen, third.seen], [['1'], ['1'], ['A']])
    assert.deepEqual([one.state.made, other.state.made, broadcasts.size], [1, 1, 2])
  })

  it('end their source when the last one leaves, also while it is being made, and begin anew for the next', async () => {
    const broadcasts = createBroadcasts()
    const one = source()
    await broadcasts.follow('one', one.make, viewer()).return?.()
    await until(() => one.state.returned === 1)
    assert.equal(broadcasts.size, 0)
    const again = viewer()
    const followed = broadcasts.follow('one', one.make, again)
    await until(() => one.state.asked === 1)
    one.give('1')
    await until(() => again.seen.length === 1)
    await followed.return?.()
    assert.deepEqual([one.state.made, one.state.returned, broadcasts.size], [2, 2, 0])
  })

  it('ask for the next only when the last was sent', async () => {
    const broadcasts = createBroadcasts()
    const one = source()
    for (let index = 0; index < 3_000; index += 1) broadcasts.follow('one', one.make, viewer())
    await until(() => one.state.asked === 1)
    one.give('1')
    await Promise.resolve()
    await Promise.resolve()
    assert.equal(one.state.asked, 1)
    await until(() => one.state.asked === 2)
  })

  it('show nothing twice', async () => {
    const broadcasts = createBroadcasts()
    const one = source()
    const each = viewer()
    broadcasts.follow('one', one.make, each)
    for (const [index, text] of ['1', '1', '2', '1'].entries()) {
      await until(() => one.state.asked === index + 1)
      one.give(text)
    }
    await until(() => one.state.asked === 5)
    assert.deepEqual(each.seen, ['1', '2', '1'])
  })

  it('count what was made, sent, skipped and dropped', async () => {
    const counts = { made: 0, shown: 0, skipped: 0, dropped: 0 }
    const metrics: LiveMetrics = {
      ...NO_METRICS,
      made() {
        counts.made += 1
      },
      shown(messages: number) {
        counts.shown += messages
      },
      skipped(messages: number) {
        counts.skipped += messages
      },
      dropped() {
        counts.dropped += 1
      },
    }
    const broadcasts = createBroadcasts({ patience: PATIENCE, metrics })
    const one = source()
    const [quick, slow, stopped] = [viewer(), viewer(), viewer()]
    for (const each of [quick, slow, stopped]) broadcasts.follow('one', one.make, each)
    await until(() => one.state.asked === 1)
    one.give('1')
    await until(() => one.state.asked === 2)
    slow.bufferedBytes = 11
    stopped.bufferedBytes = 11
    const late = viewer()
    late.bufferedBytes = 11
    for (const [index, text] of ['2', '3', '4'].entries()) {
      if (text === '4') broadcasts.follow('one', one.make, late)
      one.give(text)
      await until(() => one.state.asked === index + 3)
    }
    slow.bufferedBytes = 0
    late.bufferedBytes = 0
    await until(() => stopped.dropped)
    assert.deepEqual([slow.seen, late.seen], [['1', '4'], ['4']])
    // To three, then three times to one alone, and the last one to the two who read again. Of what was made before it
    // came, nobody skipped anything.
    assert.deepEqual(counts, { made: 4, shown: 8, skipped: 3, dropped: 1 })
  })

  it('say when a change reached the first, the middle and the last who read, and nothing of one without a time', async () => {
    const reached: string[] = []
    const viewers = Array.from({ length: 4 }, viewer)
    const sentNow = (): number => viewers.filter(({ seen }) => seen.length > 0).length
    const metrics: LiveMetrics = {
      ...NO_METRICS,
      fannedOut: (place, { appliedAtMs }) => void reached.push(`${place} ${appliedAtMs} ${sentNow()}`),
    }
    const broadcasts = createBroadcasts({ patience: PATIENCE, metrics })
    const one = source()
    for (const each of viewers) broadcasts.follow('one', one.make, each)
    await until(() => one.state.asked === 1)
    one.give('1', 17)
    await until(() => one.state.asked === 2)
    assert.deepEqual(reached, ['first 17 1', 'middle 17 2', 'last 17 4'])
    one.give('2')
    await until(() => one.state.asked === 3)
    for (const each of viewers) each.bufferedBytes = 11
    one.give('3', 18)
    await until(() => one.state.asked === 4)
    assert.equal(reached.length, 3)
  })

  it('end for everybody with their source, or with its error', async () => {
    const broadcasts = createBroadcasts()
    const one = source()
    const followed = broadcasts.follow('one', one.make, viewer())
    await until(() => one.state.asked === 1)
    one.end()
    assert.deepEqual(await followed.next(), { value: undefined, done: true })
    const failed = broadcasts.follow('one', () => Promise.reject(new Error('no board')), viewer())
    await assert.rejects(failed.next(), /no board/)
    assert.equal(broadcasts.size, 0)
  })
})
