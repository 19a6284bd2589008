import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../load/clock.js'
import type { CrowdSource } from './crowd.js'
import type { ProbeMetrics } from './metrics.js'
import { openRound, type Round, type RoundOptions } from './round.js'
import { apiOf, dueMs, type ProbePace, placeOf, preparesAt, roundMs } from './schedule.js'
import { type CheckOutcome, judgeWindow, type ProbeLevels, type WindowVerdict } from './verdict.js'
import { createWindows, type Windows } from './windows.js'

export interface ProberOptions extends Pick<RoundOptions, 'url' | 'withinMs' | 'timeoutMs'> {
  readonly pace: ProbePace
  /** Null: until the signal ends it. */
  readonly rounds: number | null
  readonly crowd: CrowdSource
  readonly windowMs: number
  readonly levels: ProbeLevels
  readonly metrics: ProbeMetrics
  readonly onVerdict: (verdict: WindowVerdict) => void
  /** Told what stands in the way, a line each. */
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** Checks by the clock, until the last event is done or the signal comes. */
export interface Prober {
  /** What is missing for checks to be made; empty: nothing is. */
  missing(): string[]
  /** Resolves when every check has ended and every event is closed. @returns whether every window passed */
  run(): Promise<boolean>
}

/** Beyond it a check is skipped: a system that answers nobody must not fill this process's memory. */
const CHECKS_AT_ONCE_MAX = 40
const RETRY_MS = 5_000
const START_IN_MS = 100

/** An event that there is, or that is tried to be made. */
interface Opening {
  readonly round: () => Round | undefined
  /** Why there is none. */
  readonly problem: () => string
  /** After the first try. */
  readonly tried: Promise<void>
  close(): Promise<void>
}

export const createProber = (options: ProberOptions): Prober => {
  const { pace, rounds, timeoutMs, windowMs, levels, metrics, onVerdict, say, signal } = options
  let current: Opening | undefined
  let allPassed = true
  const judge = (window: Parameters<typeof judgeWindow>[0]): void => {
    const verdict = judgeWindow(window, levels)
    allPassed &&= verdict.isPassed
    metrics.judged(verdict.kind, verdict.isPassed)
    onVerdict(verdict)
  }
  const windows = createWindows('window', judge)
  const events = createWindows('event', judge)
  const onBoardFault = (sentence: string): void => {
    say(`a board is wrong: ${sentence}`)
    for (const each of [windows, events]) each.addFault(sentence)
  }
  const open = (): Opening => keepOpening({ ...options, onBoardFault })
  const underWay = createUnderWay({ windows, events, metrics })

  const makeChecks = async (): Promise<void> => {
    const closings: Promise<void>[] = []
    const ended = new AbortController()
    let next: Opening | undefined
    current = open()
    await current.tried
    const startMs = monotonicMs() + START_IN_MS
    for (let check = 0; !signal.aborted; check += 1) {
      const { round, index } = placeOf(pace, check)
      if (round === rounds) break
      if (index === 0 && check > 0) {
        closings.push(closeAfter(current, timeoutMs, ended.signal))
        current = next ?? open()
        next = undefined
      }
      if (index === preparesAt(pace) && round + 1 !== rounds) next = open()
      const dueAtMs = startMs + dueMs(pace, check)
      await pause(Math.max(0, dueAtMs - monotonicMs()), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) break
      const window = Math.floor(dueMs(pace, check) / windowMs)
      underWay.begin({ window, event: round, index, dueAtMs }, current)
    }
    await underWay.done()
    ended.abort()
    await Promise.all([...closings, current.close(), next?.close()])
  }

  return {
    missing: () => (current?.round() ? [] : ['a canary event']),
    async run() {
      await makeChecks()
      for (const each of [windows, events]) each.end()
      return allPassed
    },
  }
}

/** A failed try is followed by another one, until it is closed. */
const keepOpening = (options: ProberOptions & Pick<RoundOptions, 'onBoardFault'>): Opening => {
  const { crowd, pace, say } = options
  const closing = new AbortController()
  let round: Round | undefined
  let problem = 'the event is being made'
  const tryOnce = async (): Promise<void> => {
    try {
      round = await openRound({ ...options, crowd: await crowd(), lastsMs: roundMs(pace) })
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
      say(`there is no canary event: ${problem}`)
    }
  }
  const tried = tryOnce()
  const all = tried.then(async () => {
    while (!round && !closing.signal.aborted) {
      await pause(RETRY_MS, undefined, { signal: closing.signal }).catch(() => undefined)
      if (!closing.signal.aborted) await tryOnce()
    }
  })
  return {
    round: () => round,
    problem: () => problem,
    tried,
    async close() {
      closing.abort()
      await all
      await round?.close().catch((error: unknown) => {
        // It closes by itself after a while.
        say(`the canary event was not closed: ${error instanceof Error ? error.message : error}`)
      })
    },
  }
}

/** No check of it is under way any more by then, or when the signal says so. */
const closeAfter = async (opening: Opening, timeoutMs: number, signal: AbortSignal): Promise<void> => {
  await pause(2 * timeoutMs, undefined, { signal }).catch(() => undefined)
  await opening.close()
}

interface Due {
  readonly window: number
  readonly event: number
  readonly index: number
  readonly dueAtMs: number
}

const createUnderWay = ({
  windows,
  events,
  metrics,
}: {
  readonly windows: Windows
  readonly events: Windows
  readonly metrics: ProbeMetrics
}) => {
  const running = new Set<Promise<void>>()
  const run = async ({ index, dueAtMs }: Due, opening: Opening): Promise<CheckOutcome> => {
    const round = opening.round()
    const latenessMs = Math.max(0, monotonicMs() - dueAtMs)
    const outcome = { api: apiOf(index), acknowledgedMs: null, seenMs: null, latenessMs }
    if (!round) return { ...outcome, result: 'skipped', why: opening.problem() }
    if (running.size >= CHECKS_AT_ONCE_MAX) {
      return { ...outcome, result: 'skipped', why: `${running.size} checks are under way` }
    }
    // Whatever is thrown here nobody foresaw: the check did not succeed.
    return round.check(index, dueAtMs).catch((error: unknown) => {
      return { ...outcome, result: 'unanswered', why: error instanceof Error ? error.message : String(error) }
    })
  }
  return {
    begin(due: Due, opening: Opening): void {
      windows.expect(due.window)
      events.expect(due.event)
      const ended = run(due, opening).then((outcome) => {
        metrics.checked(outcome, Date.now())
        windows.add(due.window, outcome)
        events.add(due.event, outcome)
      })
      running.add(ended)
      void ended.finally(() => running.delete(ended))
    },
    async done(): Promise<void> {
      await Promise.all(running)
    },
  }
}
