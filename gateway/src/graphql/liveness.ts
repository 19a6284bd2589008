import type { WebSocket } from 'ws'

/** Finds out whose peer is gone without a word, and who has been there for long enough: nothing else would ever tell. */
export interface Liveness {
  /**
   * Until it is closed.
   * @param busy whether its client waits for an answer: it is let alone until then
   * @returns what to call for each message, in either direction
   */
  watch(socket: WebSocket, busy: () => boolean): () => void
  stop(): void
}

export interface LivenessOptions {
  /** Between two pings to the same peer: one that has not answered by then is gone. */
  readonly everyMs: number
  /** A socket on which nobody has said anything for so long is closed. Pings and pongs say nothing. */
  readonly idleMs: number
  /** So is one that is as old as this. */
  readonly lifeMs: number
}

interface Watched {
  readonly busy: () => boolean
  /** When its life is over, by the monotonic clock. */
  readonly endsMs: number
  spoken: boolean
  /** When something was said, as of the last look. */
  saidMs: number
  /** It has not answered the last ping. */
  silent: boolean
}

/** A round goes on in so many steps: pings to everybody at once would hold up whatever else is to be sent. */
const STEPS = 32
/** Longer than any answer takes: who asks without end is closed, too. */
const BUSY_MS = 60_000
/** A client comes back at once. */
const GOING_AWAY = 1001
/** Those who came together go at different times: the life of each is shorter by up to this part. */
const LIFE_SPREAD = 0.05

export const createLiveness = ({ everyMs, idleMs, lifeMs }: LivenessOptions): Liveness => {
  const steps = Array.from({ length: STEPS }, () => new Map<WebSocket, Watched>())
  let opened = 0
  let step = 0

  const look = (socket: WebSocket, watched: Watched, nowMs: number): void => {
    if (watched.silent) {
      socket.terminate()
      return
    }
    // When it was, is known as exactly as a round is long: a clock for each message would cost more than it is worth.
    if (watched.spoken) watched.saidMs = nowMs
    watched.spoken = false
    const old = nowMs >= watched.endsMs
    const over = old || nowMs - watched.saidMs >= idleMs
    if (over && (!watched.busy() || nowMs >= watched.endsMs + BUSY_MS)) {
      socket.close(GOING_AWAY, old ? 'Open for long enough' : 'Idle')
      return
    }
    watched.silent = true
    socket.ping()
  }

  const timer = setInterval(() => {
    step = (step + 1) % STEPS
    const nowMs = performance.now()
    for (const [socket, watched] of steps[step] ?? []) look(socket, watched, nowMs)
  }, everyMs / STEPS).unref()

  return {
    watch(socket, busy) {
      const nowMs = performance.now()
      const endsMs = nowMs + lifeMs * (1 - LIFE_SPREAD * Math.random())
      const watched: Watched = { busy, endsMs, spoken: false, saidMs: nowMs, silent: false }
      const own = steps[opened++ % STEPS]
      own?.set(socket, watched)
      socket.on('pong', () => {
        watched.silent = false
      })
      socket.once('close', () => own?.delete(socket))
      return () => {
        watched.spoken = true
      }
    },
    stop: () => clearInterval(timer),
  }
}
