/**
 * The ground that the simulated world stands on: one seed, one virtual clock, one queue of what happens next.
 * Nothing here waits, and nothing is asked of the machine: the same seed is the same story.
 */
export interface Kernel {
  /** Milliseconds since 1970, virtual. */
  now(): number
  chance(probability: number): boolean
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number
  at(delayMs: number, happen: () => void): void
  /** Lets things happen until `done`, or until the clock stands there. @returns whether it was done. */
  runUntil(done: () => boolean, untilMs: number): boolean
  /** While it is above 0, messages are lost, doubled and late, and processes die where they stand. */
  faults: number
  /** A message on its way: it arrives once, or, while there are faults, not at all, twice, or late. */
  send(arrive: () => void): void
}

export const BEGIN_MS = 1_000_000_000_000
/** A late message comes up to so much later. */
export const LATE_MS = 4_000

interface Happening {
  readonly atMs: number
  readonly order: number
  readonly happen: () => void
}

const createQueue = () => {
  const heap: Happening[] = []
  const sooner = (a: Happening, b: Happening): boolean =>
    a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
  return {
    push(item: Happening): void {
      let at = heap.push(item) - 1
      while (at > 0) {
        const parent = (at - 1) >> 1
        const above = heap[parent] as Happening
        if (sooner(above, item)) break
        heap[at] = above
        at = parent
      }
      heap[at] = item
    },
    pop(): Happening | undefined {
      const top = heap[0]
      const last = heap.pop()
      if (!last || heap.length === 0) return top
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= heap.length) break
        if (child + 1 < heap.length && sooner(heap[child + 1] as Happening, heap[child] as Happening))
          child += 1
        const below = heap[child] as Happening
        if (sooner(last, below)) break
        heap[at] = below
        at = child
      }
      heap[at] = last
      return top
    },
  }
}

export const createKernel = (seed: number): Kernel => {
  const queue = createQueue()
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  let nowMs = BEGIN_MS
  let order = 0
  /** Mulberry32, by Tommy Ettinger: 0 up to, and not including, 1. */
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const kernel: Kernel = {
    faults: 0,
    now: () => nowMs,
    chance: (probability) => next() < probability,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    at(delayMs, happen) {
      order += 1
      queue.push({ atMs: nowMs + delayMs, order, happen })
    },
    runUntil(done, untilMs) {
      while (!done()) {
        const happening = queue.pop()
        if (!happening || happening.atMs > untilMs) return false
        nowMs = happening.atMs
        happening.happen()
      }
      return true
    },
    send(arrive) {
      const luck = kernel.faults > 0 ? next() / kernel.faults : 1
      if (luck < 0.02) return
      if (luck < 0.04) kernel.at(kernel.int(1, LATE_MS), arrive)
      kernel.at(luck >= 0.04 && luck < 0.06 ? kernel.int(1, LATE_MS) : kernel.int(1, 4), arrive)
    },
  }
  return kernel
}
