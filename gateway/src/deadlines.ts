import { VotestreamError } from '@votestream/schema/errors'

/** How long somebody waits for an answer. */
export interface Deadline {
  /** Whether nobody waits any more: nothing more is begun then. */
  readonly over: boolean
  /** Aborted when it is over, for what is under way by then. */
  readonly signal: AbortSignal
}

export interface OpenDeadline extends Deadline {
  /** When the waiting began, by the monotonic clock. */
  readonly beganMs: number
  /** @returns whether the answer came in time; false: another one was given. */
  done(): boolean
  /** Whoever waited has left. */
  leave(): void
}

/** Deadlines that all are as long: the oldest one is always the next. */
export interface Deadlines {
  /** @param onExpired is called once, unless `done` was called before */
  begin(onExpired: () => void): OpenDeadline
  stop(): void
}

interface Waiting {
  readonly endMs: number
  readonly expire: () => void
}

/**
 * A timer for each request would cost more than its parsing, so one looks at all of them now and then: they end at most
 * this much too late, or a tenth of their time where that is less.
 */
const LOOK_EVERY_MS = 250

/** Holds those that are open, of which there are as many as requests. */
export const createDeadlines = (timeoutMs: number): Deadlines => {
  // In the order in which they were begun, and so in that of their ends.
  const open = new Set<Waiting>()
  const timer = setInterval(
    () => {
      const nowMs = performance.now()
      for (const waiting of open) {
        if (waiting.endMs > nowMs) return
        open.delete(waiting)
        waiting.expire()
      }
    },
    Math.min(LOOK_EVERY_MS, Math.ceil(timeoutMs / 10)),
  ).unref()

  return {
    begin(onExpired) {
      let controller: AbortController | undefined
      let over = false
      const end = (): void => {
        over = true
        controller?.abort()
      }
      const beganMs = performance.now()
      const waiting: Waiting = {
        endMs: beganMs + timeoutMs,
        expire() {
          end()
          onExpired()
        },
      }
      open.add(waiting)
      return {
        beganMs,
        get over() {
          return over
        },
        // Made for those alone who want to know at once.
        get signal() {
          controller ??= new AbortController()
          if (over) controller.abort()
          return controller.signal
        },
        done: () => open.delete(waiting),
        leave() {
          if (open.delete(waiting)) end()
        },
      }
    },
    stop: () => clearInterval(timer),
  }
}

/** Before each step that would change or ask something. @throws VotestreamError TIMEOUT, which nobody waits for */
export const requireTime = (deadline: Deadline | undefined): void => {
  if (deadline?.over) throw new VotestreamError('TIMEOUT')
}
