import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { BoardNews } from '../board.js'
import { createLatest, type Latest } from './latest.js'
import { type LiveMetrics, NO_METRICS, type ViewerPlace } from './live-metrics.js'

/** Somebody's connection, as an audience sees it. */
export interface Viewer {
  /** What was sent and has not left this process, because the peer does not read. */
  readonly bufferedBytes: number
  /** Must not throw; a connection that is gone takes nothing. */
  send(payload: Buffer): void
  /** The peer did not read for too long. */
  drop(): void
}

/** Viewers who are shown the same bytes. */
export interface Audience {
  readonly size: number
  /** Shows what was shown last, if anything, and then whatever follows, until the answer is left or ends. */
  join(viewer: Viewer): Latest<never>
  /**
   * Shows everybody something new. Resolves when it was sent to all who read, and the process had time for something
   * else; who does not read, gets what is the latest once it does. To be called again only then: what comes too fast for the sending is left out by whoever calls.
   * @param since of the earliest change in it; without it nobody measures
   */
  show(payload: Buffer, since?: BoardNews): Promise<void>
  /** Ends what every viewer follows, with an error if there is one. */
  end(error?: unknown): void
}

export interface AudienceOptions {
  /** Called when the last viewer has left. */
  readonly onEmpty: () => void
  readonly patience?: Patience
  readonly metrics?: LiveMetrics
}

/** With a peer that does not read. */
export interface Patience {
  /** So much may wait to be read while more is sent. */
  readonly bufferedBytes: number
  /** More than this is not kept for anybody. */
  readonly bufferedBytesMax: number
  readonly ms: number
}

const PATIENCE: Patience = { bufferedBytes: 16 * 1024, bufferedBytesMax: 4 * 1024 * 1024, ms: 10_000 }
/** Sent without a break at most: whatever else this process has to do waits for it. */
const SLICE = 1_000
/** After a long sending votes have their turn for as long, but not longer than this: then what comes next would be old. */
const REST_MS_MAX = 25
/** What was shorter disturbs nobody. */
const REST_MS_MIN = 5
/** How often somebody who is behind is looked at. */
const LOOK_AGAIN_MS = 50

interface Place {
  readonly left: Latest<never>
  /** The number of what the viewer was shown last. */
  shown: number
  /** Since when it has not been reading, by the monotonic clock. */
  behindSinceMs: number | undefined
  dropped: boolean
}

export const createAudience = ({
  onEmpty,
  patience = PATIENCE,
  metrics = NO_METRICS,
}: AudienceOptions): Audience => {
  const places = new Map<Viewer, Place>()
  const behind = new Set<Viewer>()
  let latest: Buffer | undefined
  let number = 0
  let timer: NodeJS.Timeout | undefined

  const leave = (viewer: Viewer): void => {
    places.delete(viewer)
    behind.delete(viewer)
    if (places.size > 0) return
    clearInterval(timer)
    timer = undefined
    onEmpty()
  }

  /** @returns whether it was sent. */
  const offer = (viewer: Viewer, place: Place): boolean => {
    if (latest === undefined || place.shown === number || place.dropped) return false
    if (viewer.bufferedBytes > patience.bufferedBytes) {
      wait(viewer, place)
      return false
    }
    // What was made while it did not read, it never sees.
    if (place.behindSinceMs !== undefined) metrics.skipped(number - place.shown - 1)
    place.shown = number
    place.behindSinceMs = undefined
    behind.delete(viewer)
    viewer.send(latest)
    return true
  }

  const wait = (viewer: Viewer, place: Place): void => {
    place.behindSinceMs ??= performance.now()
    behind.add(viewer)
    timer ??= setInterval(lookAgain, LOOK_AGAIN_MS)
  }

  const lookAgain = (): void => {
    for (const viewer of [...behind]) {
      const place = places.get(viewer)
      if (!place) continue
      if (offer(viewer, place)) metrics.shown(1)
      const waitedMs = performance.now() - (place.behindSinceMs ?? Number.POSITIVE_INFINITY)
      if (waitedMs > patience.ms || viewer.bufferedBytes > patience.bufferedBytesMax) {
        place.dropped = true
        behind.delete(viewer)
        metrics.dropped()
        viewer.drop()
      }
    }
    if (behind.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    get size() {
      return places.size
    },
    join(viewer) {
      const left = createLatest<never>(() => leave(viewer))
      const place: Place = { left, shown: number - 1, behindSinceMs: undefined, dropped: false }
      places.set(viewer, place)
      if (offer(viewer, place)) metrics.shown(1)
      return left
    },
    async show(payload, since) {
      latest = payload
      number += 1
      const beganMs = performance.now()
      let offered = 0
      let sent = 0
      const middle = Math.ceil(places.size / 2)
      const reached = (viewer: ViewerPlace): void => {
        if (since && sent > 0) metrics.fannedOut(viewer, since)
      }
      // Who joins meanwhile is shown it at once, and is passed over here.
      for (const [viewer, place] of places) {
        if (offer(viewer, place)) sent += 1
        offered += 1
        if (offered === 1) reached('first')
        if (offered === middle) reached('middle')
        if (offered % SLICE === 0) await nextTurn()
      }
      reached('last')
      metrics.shown(sent)
      const tookMs = performance.now() - beganMs
      if (tookMs >= REST_MS_MIN) await pause(Math.min(tookMs, REST_MS_MAX))
    },
    end(error) {
      for (const { left } of [...places.values()]) left.end(error)
    },
  }
}
