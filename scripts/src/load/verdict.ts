import type { Latencies } from './latencies.js'
import type { LoadResult } from './run-load.js'
import { spanMs } from './schedule.js'

/** What a service level is about. */
export type Stage = 'ingest' | 'end-to-end' | 'fan-out'

/** A bound on a percentile, as somebody asked for it. */
export interface Level {
  readonly stage: Stage
  /** From 0 to 100. */
  readonly percent: number
  readonly boundMs: number
}

export interface JudgedLevel {
  readonly name: string
  /** What was allowed and what was measured, in its unit: `ms`, or requests. */
  readonly bound: number
  readonly measured: number
  readonly unit: 'ms' | 'requests'
  readonly isMet: boolean
}

/** What was measured of each stage; null: nothing was. */
export type Stages = Readonly<Record<Stage, Latencies | null>>

/** A level of which nothing was measured is missed. */
export const judgeLevels = (levels: readonly Level[], stages: Stages): JudgedLevel[] =>
  levels.map(({ stage, percent, boundMs }) => {
    const measured = stages[stage]?.atMs(percent) ?? Number.NaN
    const name = `${stage} p${percent}`
    return { name, bound: boundMs, measured, unit: 'ms', isMet: measured <= boundMs }
  })

/** @param errors requests without an acknowledgement */
export const judgeErrors = (errors: number, most: number): JudgedLevel => ({
  name: 'errors',
  bound: most,
  measured: errors,
  unit: 'requests',
  isMet: errors <= most,
})

/** `ingest p99: 61.2 ms, which is 11.2 ms more than 50 ms`. */
export const sentenceOf = ({ name, bound, measured, unit, isMet }: JudgedLevel): string => {
  const shown = (value: number): string => (unit === 'ms' ? `${value.toFixed(1)} ms` : `${value} ${unit}`)
  if (Number.isNaN(measured)) return `${name}: nothing was measured, and at most ${shown(bound)} is allowed`
  if (isMet) return `${name}: ${shown(measured)}, at most ${shown(bound)} is allowed`
  return `${name}: ${shown(measured)}, which is ${shown(measured - bound)} more than ${shown(bound)}`
}

/** What a generator may do wrong before its measurements say nothing about the system. */
export interface GeneratorBounds {
  /** For its own lateness with a request, and for the timers of its event loops, at p99. */
  readonly latenessP99Ms: number
}

/** Beyond this share of its time a process has no reserve: it waits for itself. */
export const BUSY_MAX = 0.9
/** Of the requests that the pace has, so many must have been sent before it ended. */
export const SENT_IN_TIME_MIN = 0.99

/** Why a run says nothing about the system at the rate that was asked for; empty: it does. */
export const generatorFaults = (
  result: Pick<LoadResult, 'pace' | 'intended' | 'sentInTime' | 'lateness' | 'generators'>,
  { latenessP99Ms }: GeneratorBounds,
): string[] => {
  const faults: string[] = []
  const lateMs = result.lateness.atMs(99)
  if (lateMs > latenessP99Ms) {
    faults.push(
      `the generator itself was ${lateMs.toFixed(1)} ms late at p99, and at most ${latenessP99Ms} ms is allowed`,
    )
  }
  for (const [index, { busy, loopDelayP99Ms }] of result.generators.entries()) {
    if (busy > BUSY_MAX) {
      faults.push(`load process ${index + 1} was busy for ${percent(busy)} of the time: take more processes`)
    }
    if (loopDelayP99Ms > latenessP99Ms) {
      faults.push(
        `the event loop of load process ${index + 1} was ${loopDelayP99Ms.toFixed(1)} ms late at p99, and at most ${latenessP99Ms} ms is allowed`,
      )
    }
  }
  if (result.pace.mode === 'open' && result.sentInTime < SENT_IN_TIME_MIN * result.intended) {
    const seconds = spanMs(result.pace) / 1_000
    faults.push(
      `only ${result.sentInTime} of ${result.intended} requests (${percent(result.sentInTime / result.intended)}) were ` +
        `sent within ${seconds} s: all connections were waiting for answers; the system is slower than this rate, or ` +
        'more connections are needed',
    )
  }
  return faults
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** 3: the run does not count, whatever was measured; 1: a level is missed or a vote miscounted; 0: all is well. */
export const exitStatus = (
  faults: readonly string[],
  levels: readonly JudgedLevel[],
  countFault: string | null,
): 0 | 1 | 3 => {
  if (faults.length > 0) return 3
  return countFault !== null || levels.some(({ isMet }) => !isMet) ? 1 : 0
}

/**
 * Votes on the board after a run against those acknowledged in it: a vote without an answer may have been counted,
 * a refused one may not. @returns what is wrong; null: nothing
 */
export const judgeCount = (counted: number, acknowledged: number, unanswered: number): string | null => {
  if (counted >= acknowledged && counted <= acknowledged + unanswered) return null
  const more = unanswered > 0 ? ` and ${unanswered} were not answered` : ''
  return `${acknowledged} votes were acknowledged${more}, but ${counted} are on the board`
}
