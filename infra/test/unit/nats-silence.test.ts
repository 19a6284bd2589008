import assert from 'node:assert/strict'
import { createSilence, LOOK_EVERY_MS, SILENT_MAX_MS } from '../../src/nats-silence.js'

describe('the silence of a connection', () => {
  /** Looks so often, one after the other, and says at which of them the connection was left. */
  const leftAt = (
    count: number,
    of: (look: number) => { heard?: boolean; connected?: boolean; lateMs?: number },
  ) => {
    const silence = createSilence()
    const left: number[] = []
    let atMs = 0
    for (let look = 0; look < count; look += 1) {
      const { heard = false, connected = true, lateMs = 0 } = of(look)
      atMs += LOOK_EVERY_MS + lateMs
      if (silence.look({ atMs, heard, connected })) left.push(look)
    }
    return left
  }
  const patience = SILENT_MAX_MS / LOOK_EVERY_MS

  it('is borne so long and no longer, and then again as long with the next connection', () => {
    assert.deepEqual(
      leftAt(2 * patience + 1, () => ({})),
      [patience, 2 * patience],
    )
  })

  it('is none when anything at all comes in time, however seldom', () => {
    assert.deepEqual(
      leftAt(100, (look) => ({ heard: look % patience === 0 })),
      [],
    )
  })

  it('is not held against a connection by a process that stood still itself', () => {
    assert.deepEqual(
      leftAt(100, (look) => ({ lateMs: look % patience === 3 ? 60_000 : 0 })),
      [],
    )
  })

  it('means nothing while there is no connection', () => {
    assert.deepEqual(
      leftAt(100, () => ({ connected: false })),
      [],
    )
  })
})
