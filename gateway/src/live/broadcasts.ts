import type { BoardNews } from '../board.js'
import { type Audience, createAudience, type Patience, type Viewer } from './audience.js'
import { type BoardTraces, NO_BOARD_TRACES } from './board-traces.js'
import type { Latest } from './latest.js'
import { type LiveMetrics, NO_METRICS } from './live-metrics.js'

/** What everybody who asks for the same is shown. */
export interface Payload {
  readonly bytes: Buffer
  /** Of what it is the first to show. */
  readonly since?: BoardNews | undefined
  /** What is sent instead, where traces are named: whether there is anything new, the bytes alone say. */
  readonly told?: Buffer
}

/** What is made once and shown to everybody who asks for the same. */
export interface Broadcasts {
  /**
   * Follows what is made under a key, beginning with the latest of it.
   * @param make called for the first who asks; ended when the last one has left
   */
  follow(key: string, make: () => Promise<AsyncIterator<Payload>>, viewer: Viewer): Latest<never>
  /** How many are being made at the moment. */
  readonly size: number
}

interface BroadcastsOptions {
  readonly patience?: Patience
  readonly metrics?: LiveMetrics
  readonly traces?: BoardTraces
}

export const createBroadcasts = (options: BroadcastsOptions = {}): Broadcasts => {
  const audiences = new Map<string, Audience>()
  return {
    follow(key, make, viewer) {
      const audience = audiences.get(key) ?? open(audiences, key, make, options)
      return audience.join(viewer)
    },
    get size() {
      return audiences.size
    },
  }
}

const open = (
  audiences: Map<string, Audience>,
  key: string,
  make: () => Promise<AsyncIterator<Payload>>,
  options: BroadcastsOptions,
): Audience => {
  const { metrics = NO_METRICS, traces = NO_BOARD_TRACES } = options
  let payloads: AsyncIterator<Payload> | undefined
  let closed = false
  const close = (): void => {
    if (closed) return
    closed = true
    audiences.delete(key)
    void payloads?.return?.()
  }
  const audience = createAudience({ ...options, onEmpty: close })
  audiences.set(key, audience)

  /** One after the other: what is made while the last one is still being sent is not made at all. */
  const run = async (): Promise<void> => {
    payloads = await make()
    // Everybody may have left meanwhile.
    if (closed) return void payloads.return?.()
    let shown: Buffer | undefined
    for (;;) {
      const { value, done } = await payloads.next()
      if (done || closed) return
      metrics.made()
      // Who asked for part of a board only is told nothing while that part stays as it is.
      if (shown?.equals(value.bytes)) continue
      shown = value.bytes
      const push = traces.push(value.since?.traces)
      await audience.show(value.told ?? value.bytes, value.since)
      push.end()
    }
  }
  run().then(
    () => {
      close()
      audience.end()
    },
    (error: unknown) => {
      close()
      audience.end(error)
    },
  )
  return audience
}
