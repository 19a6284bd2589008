import type { Violation } from './judgement.js'
import { type AttemptRecord, isOpen } from './ledger.js'
import { ACKNOWLEDGED_MS, QUIET_FACTOR, SHOWN_MS } from './levels.js'
import type { Recovery, ShownVote } from './recovery.js'
import type { FaultName } from './schedule.js'

/** From, and up to. */
export type Span = readonly [fromMs: number, untilMs: number]

export interface LevelSamples {
  readonly recoveries: readonly Recovery[]
  readonly attempts: readonly AttemptRecord[]
  readonly shown: readonly ShownVote[]
  /** When nothing was broken. */
  readonly quiet: readonly Span[]
}

export interface Level {
  /** As the contract has it. */
  readonly targetMs: number
  /** p99 in the quieter of the quiet phases; undefined: too little was seen. */
  readonly quietMs: number | undefined
  /** What is judged against. */
  readonly boundMs: number
  /** p99 by fault, where the fault excuses nothing and enough was seen. */
  readonly byFault: ReadonlyMap<FaultName, number>
}

/** With fewer samples, p99 is the slowest of them. */
const SAMPLES_MIN = 100
/** What was under way when a fault began is that fault's. */
const UNDER_WAY_MS = 1_000

interface Sample {
  readonly atMs: number
  readonly tookMs: number
}

/** From a vote's first send until its acknowledgement; a first try without one takes for ever. */
export const acknowledgedLevel = ({ recoveries, attempts, quiet }: LevelSamples): Level => {
  const samples = attempts.flatMap(({ attempt, answers }): Sample[] => {
    const [first] = answers
    if (!first) return []
    return [
      { atMs: attempt.atMs, tookMs: isOpen(first) ? Number.POSITIVE_INFINITY : first.atMs - attempt.atMs },
    ]
  })
  return levelOf('acknowledged', ACKNOWLEDGED_MS, samples, recoveries, quiet)
}

/** From a vote's acknowledgement until a viewer saw a board with it. */
export const shownLevel = ({ recoveries, shown, quiet }: LevelSamples): Level => {
  const samples = shown.map(({ acknowledgedAtMs, shownAtMs = Number.POSITIVE_INFINITY }) => ({
    atMs: acknowledgedAtMs,
    tookMs: Math.max(0, shownAtMs - acknowledgedAtMs),
  }))
  return levelOf('shown', SHOWN_MS, samples, recoveries, quiet)
}

const levelOf = (
  what: 'acknowledged' | 'shown',
  targetMs: number,
  samples: readonly Sample[],
  recoveries: readonly Recovery[],
  quiet: readonly Span[],
): Level => {
  const excused = recoveries
    .filter(({ levels }) => levels[what] === 'excused')
    .map((recovery): Span => [recovery.fault.atMs - UNDER_WAY_MS, recovery[what].deadlineMs])
  const judged = samples.filter(({ atMs }) => !isWithin(excused, atMs))
  // Somebody else's work on this machine in one of them shall not excuse what is seen in between.
  const quietMs = least(quiet.map((span) => p99(judged.filter(({ atMs }) => isWithin([span], atMs)))))
  const names = new Set(recoveries.map(({ fault }) => fault.name))
  const byFault = [...names].flatMap((name): [FaultName, number][] => {
    const spans = recoveries
      .filter(({ fault, levels }) => fault.name === name && levels[what] === 'holds')
      .map(({ fault }): Span => [fault.atMs, fault.untilMs])
    const value = p99(judged.filter(({ atMs }) => isWithin(spans, atMs)))
    return value === undefined ? [] : [[name, value]]
  })
  const boundMs = Math.max(targetMs, QUIET_FACTOR * (quietMs ?? 0))
  return { targetMs, quietMs, boundMs, byFault: new Map(byFault) }
}

const least = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

const isWithin = (spans: readonly Span[], atMs: number): boolean =>
  spans.some(([fromMs, untilMs]) => atMs >= fromMs && atMs < untilMs)

const p99 = (samples: readonly Sample[]): number | undefined => {
  if (samples.length < SAMPLES_MIN) return undefined
  const sorted = samples.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1]
}

export const judgeLevel = (what: string, { boundMs, targetMs, quietMs, byFault }: Level): Violation[] =>
  [...byFault]
    .filter(([, value]) => value > boundMs)
    .map(([fault, p99Ms]) => ({
      column: 'late' as const,
      what: `${what} too late where nothing excuses it`,
      atMs: undefined,
      fault,
      detail: JSON.stringify({ fault, p99Ms, boundMs, targetMs, quietMs }),
    }))
