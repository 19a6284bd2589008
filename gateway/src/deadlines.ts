import { VotestreamError } from '@votestream/schema/errors'

/** How long somebody waits for an answer. */
export interface Deadline {
  /** Whether nobody waits any more: nothing more is begun then. */
  readonly over: boolean
  /** Aborted when it is over, for what is under way by then; made for those alone who ask. */
  signal(): AbortSignal
}

export interface OpenDeadline extends Deadline {
  /** On the clock of `performance.now()`. */
  readonly beganAtMs: number
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

interface Place {
  readonly waiting: Waiting
  before: Place | undefined
  after: Place | undefined
  open: boolean
}

/**
 * Those who wait, in the order in which they came: a list whose places forget their neighbours when they leave it. A `Set`
 * makes itself anew again and again as they come and go, and each of those it was before holds on to the next one and to
 * whoever was in it: the garbage collector found the requests of seconds there, and took a third of a gateway's time.
 */
const createQueue = () => {
  let first: Place | undefined
  let last: Place | undefined
  return {
    get first() {
      return first
    },
    add(waiting: Waiting): Place {
      const place: Place = { waiting, before: last, after: undefined, open: true }
      if (last) last.after = place
      else first = place
      last = place
      return place
    },
    /** @returns whether it was there. */
    remove(place: Place): boolean {
      if (!place.open) return false
      const { before, after } = place
      if (before) before.after = after
      else first = after
      if (after) after.before = before
      else last = before
      place.before = undefined
      place.after = undefined
      place.open = false
      return true
    },
  }
}

/**
 * A timer for each request would cost more than its parsing, so one looks at all of them now and then: they end at most
 * this much too late, or a tenth of their time where that is less.
 */
const LOOK_EVERY_MS = 250

/** Holds those that are open, of which there are as many as requests. */
export const createDeadlines = (timeoutMs: number): Deadlines => {
  // In the order in which they were begun, and so in that of their ends.
  const open = createQueue()
  const timer = setInterval(
    () => {
      const nowMs = performance.now()
      for (let place = open.first; place && place.waiting.endMs <= nowMs; place = open.first) {
        open.remove(place)
        place.waiting.expire()
      }
    },
    Math.min(LOOK_EVERY_MS, Math.ceil(timeoutMs / 10)),
  ).unref()

  return {
    begin(onExpired) {
      let controller: AbortController | undefined
      const end = (): void => {
        deadline.over = true
        controller?.abort()
      }
      const beganAtMs = performance.now()
      const place = open.add({
        endMs: beganAtMs + timeoutMs,
        expire() {
          end()
          onExpired()
        },
      })
      // No accessors: an object that is written with them has a shape of its own, and making that for each request took a
      // quarter of a gateway's time under votes.
      const deadline = {
        beganAtMs,
        over: false,
        signal(): AbortSignal {
          controller ??= new AbortController()
          if (deadline.over) controller.abort()
          return controller.signal
        },
        done: () => open.remove(place),
        leave(): void {
          if (open.remove(place)) end()
        },
      }
      return deadline
    },
    stop: () => clearInterval(timer),
  }
}

/** Before each step that would change or ask something. @throws VotestreamError TIMEOUT, which nobody waits for */
export const requireTime = (deadline: Deadline | undefined): void => {
  if (deadline?.over) throw new VotestreamError('TIMEOUT')
}
