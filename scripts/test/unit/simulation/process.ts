import type { Kernel } from './kernel.js'

/** Ends whatever a process does at this very moment, as if it had been killed. */
class Killed extends Error {}

/** A process that may die at any step, or stand still and wake up without having noticed. */
export interface Process {
  readonly name: string
  readonly alive: boolean
  /** By the broker's clock, as far as this process knows it. */
  now(): number
  /** Does it later, unless the process died meanwhile; one that stands still does it when it wakes up. */
  later(delayMs: number, work: () => void): void
  /**
   * Asks a server and is told its answer, once: undefined, when none came in time. The server may have done it
   * all the same, may do it twice, and may do it after the asker has stopped waiting.
   */
  ask<Answer>(timeoutMs: number, serve: () => Answer, told: (answer: Answer | undefined) => void): void
  /** Whoever is not this process hands something to it. */
  hand(work: () => void): void
  /** The same, for as long as it lives: what was made by a process that died is dead too. */
  handOfThisLife(): (work: () => void) => void
  /** Told once, should it die. */
  onDeath(told: () => void): void
  /** A place at which a process dies now and then. */
  mayDieHere(): void
  kill(): void
  freeze(forMs: number): void
  /** What its wall clock is wrong by, after it jumped. What goes by the broker's clock is off by `skewMs` at most. */
  jumpMs: number
  skewMs: number
}

/** @param begin what the process does when it is started, and again each time it is started after it died. */
export const createProcess = (kernel: Kernel, name: string, begin: (process: Process) => void): Process => {
  let life = 1
  let alive = true
  let awakeAtMs = 0
  let mourners: (() => void)[] = []

  const run = (ofLife: number, work: () => void): void => {
    if (ofLife !== life || !alive) return
    if (kernel.now() < awakeAtMs) {
      kernel.at(awakeAtMs - kernel.now(), () => run(ofLife, work))
      return
    }
    try {
      work()
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
  }

  const process: Process = {
    name,
    jumpMs: 0,
    skewMs: 0,
    get alive() {
      return alive
    },
    now: () => kernel.now() + process.skewMs,
    later(delayMs, work) {
      const ofLife = life
      kernel.at(delayMs, () => run(ofLife, work))
    },
    ask(timeoutMs, serve, told) {
      const ofLife = life
      let open = true
      const tell = (answer: Parameters<typeof told>[0]): void =>
        run(ofLife, () => {
          if (!open) return
          open = false
          told(answer)
        })
      kernel.send(() => {
        const answer = serve()
        kernel.send(() => tell(answer))
      })
      kernel.at(timeoutMs, () => tell(undefined))
    },
    hand: (work) => run(life, work),
    handOfThisLife() {
      const ofLife = life
      return (work) => run(ofLife, work)
    },
    onDeath: (told) => void mourners.push(told),
    mayDieHere() {
      if (kernel.faults === 0 || !kernel.chance(0.004 * kernel.faults)) return
      process.kill()
      throw new Killed()
    },
    kill() {
      if (!alive) return
      alive = false
      life += 1
      for (const told of mourners) told()
      mourners = []
      kernel.at(kernel.int(100, 4_000), () => {
        alive = true
        run(life, () => begin(process))
      })
    },
    freeze(forMs) {
      awakeAtMs = Math.max(awakeAtMs, kernel.now() + forMs)
    },
  }
  kernel.at(kernel.int(0, 50), () => run(life, () => begin(process)))
  return process
}
