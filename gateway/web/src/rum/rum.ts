import { createMeasures, type Measure } from '../model/measures.js'
import { createVoteMarks, type VoteMarks } from '../model/vote-marks.js'
import { sendBeacon } from './beacon.js'
import { watchVitals } from './vitals.js'

/** What this page measures of its visitor's time, for those who run the service. */
export interface Rum {
  readonly votes: VoteMarks
  add(measure: Measure, ms: number): void
  /** The share of page loads that measure, as the service said; the first word counts for as long as the page lives. */
  decide(ratio: number): void
  /** From now on until the page ends. */
  start(): void
}

const FLUSH_EVERY_MS = 15_000

export const createRum = (path: string): Rum => {
  const measures = createMeasures()
  let isChosen: boolean | undefined

  /** What was measured before it was known whether to measure waits for that, within its bounds. */
  const flush = (): void => {
    if (isChosen === undefined) return
    const body = measures.take()
    if (isChosen && body !== undefined) sendBeacon(path, body)
  }
  /** Pages that began together, when a show did, do not send together. */
  const flushLater = (): void => {
    setTimeout(
      () => {
        flush()
        if (isChosen !== false) flushLater()
      },
      FLUSH_EVERY_MS * (1 + Math.random()),
    )
  }

  return {
    votes: createVoteMarks(
      (ms) => measures.add('vote_to_seen', ms),
      () => performance.now(),
    ),
    add: (measure, ms) => measures.add(measure, ms),
    decide(ratio) {
      isChosen ??= Math.random() < ratio
    },
    start() {
      watchVitals(measures)
      addEventListener('error', () => measures.error('script'))
      addEventListener('unhandledrejection', () => measures.error('rejection'))
      // In the order in which the page hears of it, the vitals have said their last by then.
      addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'hidden') flush()
      })
      addEventListener('pagehide', flush)
      flushLater()
    },
  }
}
