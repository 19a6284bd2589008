import { createLatencies, type Latencies } from '../load/latencies.js'
import { type JudgedLevel, sentenceOf } from '../load/verdict.js'
import type { ProbeApi } from './schedule.js'

/**
 * How a check ended. `late`: its vote was seen, and not as soon as asked for. `refused` and `unanswered`: it was not
 * acknowledged; `unseen`: it was, and no board had it in time. `wrong`: a board had another number of votes than it may.
 * `skipped`: no vote was sent, because there was no event, or too many checks were under way.
 */
export const RESULTS = ['ok', 'late', 'refused', 'unanswered', 'unseen', 'wrong', 'skipped'] as const
export type CheckResult = (typeof RESULTS)[number]

/** Times in milliseconds from the moment at which the vote was to be sent; null: it did not come to that. */
export interface CheckOutcome {
  readonly api: ProbeApi
  readonly result: CheckResult
  /** A code, or why; empty for what went well. */
  readonly why: string
  readonly acknowledgedMs: number | null
  readonly seenMs: number | null
  /** How late the prober itself was with it. */
  readonly latenessMs: number
}

export interface ProbeLevels {
  /** The share of checks that must be `ok`, from 0 to 1. */
  readonly successMin: number
  readonly acknowledgedP99Ms: number
  readonly seenP95Ms: number
  readonly seenP99Ms: number
}

/** Milliseconds; null where nothing was measured. */
export interface LegFigures {
  readonly count: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

/** What is printed of a window, as one line of JSON. */
export interface WindowVerdict {
  readonly kind: WindowKind
  /** From 0, as they follow one another. */
  readonly number: number
  readonly isPassed: boolean
  readonly checks: number
  /** From 0 to 1. */
  readonly success: number
  readonly results: Readonly<Partial<Record<CheckResult, number>>>
  readonly acknowledged: LegFigures
  readonly seen: LegFigures
  /** The prober's own, at most. */
  readonly latenessMs: number
  /** Sentences; empty: it passed. */
  readonly faults: readonly string[]
}

/** `event`: all checks in one canary event, which is an hour of them. */
export type WindowKind = 'window' | 'event'

export interface WindowChecks {
  readonly kind: WindowKind
  readonly number: number
  readonly outcomes: readonly CheckOutcome[]
  /** Boards that were wrong while no check waited for one. */
  readonly boardFaults: readonly string[]
}

const WHYS_TOLD_MAX = 3
/** From here on the prober is a part of what it measures. */
const OWN_LATENESS_MS = 10

export const judgeWindow = (window: WindowChecks, levels: ProbeLevels): WindowVerdict => {
  const { kind, number, outcomes, boardFaults } = window
  const results: Partial<Record<CheckResult, number>> = {}
  for (const { result } of outcomes) results[result] = (results[result] ?? 0) + 1
  const acknowledged = latenciesOf(outcomes.map(({ acknowledgedMs }) => acknowledgedMs))
  const seen = latenciesOf(outcomes.map(({ seenMs }) => seenMs))
  const latenessMs = rounded(Math.max(0, ...outcomes.map((outcome) => outcome.latenessMs)))
  const success = outcomes.length === 0 ? 1 : (results.ok ?? 0) / outcomes.length
  const missed = [
    ...levelFaults('acknowledged', acknowledged, [[99, levels.acknowledgedP99Ms]]),
    ...levelFaults('seen', seen, [
      [95, levels.seenP95Ms],
      [99, levels.seenP99Ms],
    ]),
  ]
  const isWrong = results.wrong !== undefined || boardFaults.length > 0
  // A check that failed where so few may fail stands in the results, and is no fault.
  const isPassed = success >= levels.successMin && !isWrong && missed.length === 0
  const faults = [
    ...successFault(success, levels.successMin),
    ...RESULTS.flatMap((result) => resultFault(result, outcomes)),
    ...boardFaults.slice(0, WHYS_TOLD_MAX).map((sentence) => `number: ${sentence}`),
    ...missed,
    ...(missed.length > 0 ? ownLateness(latenessMs) : []),
  ]
  return {
    kind,
    number,
    isPassed,
    checks: outcomes.length,
    success,
    results,
    acknowledged: figuresOf(acknowledged),
    seen: figuresOf(seen),
    latenessMs,
    faults: isPassed ? [] : faults,
  }
}

const latenciesOf = (ms: readonly (number | null)[]): Latencies => {
  const latencies = createLatencies()
  for (const value of ms) if (value !== null) latencies.add(Math.max(0, Math.round(value * 1_000)))
  return latencies
}

const figuresOf = (latencies: Latencies): LegFigures => {
  const at = (percent: number): number | null =>
    latencies.count === 0 ? null : rounded(latencies.atMs(percent))
  return { count: latencies.count, p50Ms: at(50), p95Ms: at(95), p99Ms: at(99) }
}

const rounded = (ms: number): number => Number(ms.toFixed(3))

const ownLateness = (ms: number): string[] =>
  ms <= OWN_LATENESS_MS
    ? []
    : [`the prober itself was up to ${ms} ms late, which is in these times: its machine is busy`]

const successFault = (success: number, least: number): string[] =>
  success >= least ? [] : [`success: ${percent(success)}, and at least ${percent(least)} is asked for`]

/** Which leg a check that ended so did not come through. */
const LEGS: Readonly<Record<Exclude<CheckResult, 'ok'>, string>> = {
  late: 'seen: a board had the vote later than asked for',
  refused: 'acknowledged: the vote was refused',
  unanswered: 'acknowledged: nobody answered the vote in time',
  unseen: 'seen: the vote was acknowledged, and no board had it in time',
  wrong: 'number: a board did not have the votes that were cast',
  skipped: 'sent: the vote was not sent',
}

const resultFault = (result: CheckResult, outcomes: readonly CheckOutcome[]): string[] => {
  const those = outcomes.filter((outcome) => outcome.result === result)
  if (result === 'ok' || those.length === 0) return []
  const whys = [...new Set(those.map(({ why }) => why).filter((why) => why !== ''))].slice(0, WHYS_TOLD_MAX)
  const told = whys.length > 0 ? ` (${whys.join('; ')})` : ''
  return [`${LEGS[result]}: ${those.length} of ${outcomes.length}${told}`]
}

/** Of what nothing was measured, the success says enough. */
const levelFaults = (
  leg: 'acknowledged' | 'seen',
  latencies: Latencies,
  bounds: readonly (readonly [percent: number, boundMs: number])[],
): string[] => {
  if (latencies.count === 0) return []
  const judged = bounds.map(([percentile, bound]): JudgedLevel => {
    const measured = latencies.atMs(percentile)
    return { name: `${leg} p${percentile}`, bound, measured, unit: 'ms', isMet: measured <= bound }
  })
  return judged.filter(({ isMet }) => !isMet).map(sentenceOf)
}

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`

/** One line for a person. */
export const verdictLine = (verdict: WindowVerdict): string => {
  const { kind, number, isPassed, checks, success, acknowledged, seen, faults } = verdict
  const leg = (name: string, { p50Ms, p95Ms, p99Ms }: LegFigures): string =>
    p50Ms === null ? `nothing ${name}` : `${name} p50 ${p50Ms}, p95 ${p95Ms}, p99 ${p99Ms} ms`
  const figures = `${checks} checks, ${percent(success)} ok; ${leg('acknowledged', acknowledged)}; ${leg('seen', seen)}`
  const head = `${kind} ${number + 1}`
  return isPassed ? `${head} passed: ${figures}` : `${head} FAILED: ${faults.join('; ')} (${figures})`
}
