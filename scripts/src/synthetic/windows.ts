import type { CheckOutcome, WindowChecks, WindowKind } from './verdict.js'

/** Checks by the window that they fall into, until all of it are known. */
export interface Windows {
  /** A check begins that belongs to it: those before it get no further checks. */
  expect(number: number): void
  add(number: number, outcome: CheckOutcome): void
  /** A board was wrong while no check waited for one. */
  addFault(sentence: string): void
  /** No further check begins. */
  end(): void
}

interface OpenWindow {
  missing: number
  readonly outcomes: CheckOutcome[]
  readonly boardFaults: string[]
}

/** They say enough; the rest would only take memory. */
const FAULTS_MAX = 20

/** @param onWhole hears of each window once, when no check of it is missing and none will come */
export const createWindows = (kind: WindowKind, onWhole: (window: WindowChecks) => void): Windows => {
  const open = new Map<number, OpenWindow>()
  let current = -1
  const look = (number: number): void => {
    const window = open.get(number)
    if (!window || number >= current || window.missing > 0) return
    open.delete(number)
    onWhole({ kind, number, outcomes: window.outcomes, boardFaults: window.boardFaults })
  }
  const lookAtAll = (): void => {
    for (const number of [...open.keys()]) look(number)
  }
  return {
    expect(number) {
      const window = open.get(number) ?? { missing: 0, outcomes: [], boardFaults: [] }
      open.set(number, window)
      window.missing += 1
      if (number === current) return
      current = number
      lookAtAll()
    },
    add(number, outcome) {
      const window = open.get(number)
      if (!window) throw new RangeError(`no check of ${kind} ${number} is expected`)
      window.outcomes.push(outcome)
      window.missing -= 1
      look(number)
    },
    addFault(sentence) {
      const faults = open.get(current)?.boardFaults
      // A board that stays wrong says the same each time.
      if (faults && faults.length < FAULTS_MAX && !faults.includes(sentence)) faults.push(sentence)
    },
    end() {
      current = Number.POSITIVE_INFINITY
      lookAtAll()
    },
  }
}
