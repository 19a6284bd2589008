import { createLatencies, type Latencies } from './latencies.js'
import type { Outcome, Samples, Series } from './protocol.js'
import { askedAt, type Pace, spanMs } from './schedule.js'
import { createSeconds, type SecondFigures } from './seconds.js'

/** What became of all requests of a run. */
export interface Totals {
  /** Requests that were given to a connection, and those that no connection took in time. */
  readonly sent: number
  readonly unsent: number
  /** Of those sent, the ones that were sent before the pace ended. */
  readonly sentInTime: number
  readonly acknowledged: number
  readonly outcomes: readonly OutcomeCount[]
  /** By series, in their order, then of all. */
  readonly series: readonly SeriesLatencies[]
  readonly all: SeriesLatencies
  /** From the intended time until the process noticed it: the generator's own lateness. */
  readonly lateness: Latencies
  /** From the intended time until it was sent: besides, the wait for a connection. */
  readonly sending: Latencies
  /** Acknowledgements while it was measured, and for how long that was. */
  readonly measured: { readonly acknowledged: number; readonly seconds: number }
  readonly seconds: readonly SecondFigures[]
  /**
   * When each request was acknowledged, milliseconds after the start; NaN: it was not. Of requests that are sent more
   * than once, the last time.
   */
  readonly acknowledgedMs: Float64Array
}

/** At the full rate alone; microseconds in, milliseconds out. */
export interface SeriesLatencies {
  readonly name: string
  /**
   * From the intended time to the acknowledgement. What was never answered counts as long as the timeout at least;
   * what was refused does not count: a quick refusal is no quick vote.
   */
  readonly latency: Latencies
  /** From when it was sent to the acknowledgement. */
  readonly service: Latencies
}

export interface OutcomeCount extends Outcome {
  readonly series: string
  readonly count: number
}

export interface TotalsOptions {
  readonly pace: Pace
  readonly series: readonly Series[]
  readonly count: number
  readonly timeoutMs: number
  readonly onSecond?: (second: SecondFigures) => void
}

/** A timer of the last request may be so late. */
const END_SLACK_MS = 100

export const createTotals = (options: TotalsOptions) => {
  const { pace } = options
  const measuredFrom = pace.rampSeconds * 1e6
  const until = spanMs(pace) * 1e3
  const measures = createMeasures(options)
  const outcomes = new Map<string, { series: string; is: Outcome['is']; code: string; count: number }>()
  const acknowledgedMs = new Float64Array(options.count).fill(Number.NaN)
  const seconds = createSeconds((second) => askedAt(pace, second), options.onSecond)
  const counts = { sent: 0, unsent: 0, sentInTime: 0, acknowledged: 0 }
  let measuredAcknowledged = 0
  let lastDone = 0

  const count = (samples: Samples, at: number, outcome: Outcome): void => {
    const series = options.series[samples.series[at] ?? 0]?.name ?? ''
    const key = `${series} ${outcome.is} ${outcome.code}`
    const known = outcomes.get(key)
    if (known) known.count += 1
    else outcomes.set(key, { series, ...outcome, count: 1 })
    if (outcome.is === 'unsent') counts.unsent += 1
    else counts.sent += 1
    if (outcome.is === 'acknowledged') counts.acknowledged += 1
  }

  const add = (samples: Samples): void => {
    for (let at = 0; at < samples.count; at += 1) {
      const outcome = samples.outcomes[samples.outcome[at] ?? 0]
      if (!outcome) continue
      const intended = samples.intended[at] ?? 0
      const sent = intended + (samples.sentAfter[at] ?? 0)
      const done = intended + (samples.doneAfter[at] ?? 0)
      count(samples, at, outcome)
      if (outcome.is !== 'unsent' && sent <= until + END_SLACK_MS * 1e3) counts.sentInTime += 1
      if (outcome.is === 'acknowledged') {
        acknowledgedMs[samples.request[at] ?? 0] = done / 1e3
        if (done >= measuredFrom && done < until) measuredAcknowledged += 1
      }
      if (intended >= measuredFrom) measures.add(samples, at, outcome)
      seconds.add(sent, done, samples.doneAfter[at] ?? 0, outcome)
      lastDone = Math.max(lastDone, done)
    }
  }

  return {
    add,
    /** To be called once a second or so: seconds that are over are told. @param nowMs after the start */
    passed: (nowMs: number): void => seconds.passed(nowMs),
    result: (): Totals => ({
      ...counts,
      outcomes: [...outcomes.values()],
      ...measures.figures,
      measured: {
        acknowledged: measuredAcknowledged,
        seconds: Math.max(0, Math.min(until, lastDone) - measuredFrom) / 1e6,
      },
      seconds: seconds.all(),
      acknowledgedMs,
    }),
  }
}

/** Latencies at the full rate. */
const createMeasures = ({ series, timeoutMs }: TotalsOptions) => {
  const named = series.map(({ name }) => ({ name, ...pair() }))
  const all = { name: 'all', ...pair() }
  const lateness = createLatencies()
  const sending = createLatencies()
  return {
    figures: { series: named, all, lateness, sending },
    add(samples: Samples, at: number, outcome: Outcome): void {
      const sentAfter = samples.sentAfter[at] ?? 0
      lateness.add(samples.noticedAfter[at] ?? 0)
      sending.add(sentAfter)
      if (outcome.is === 'refused') return
      const own = named[samples.series[at] ?? 0]
      const doneAfter = samples.doneAfter[at] ?? 0
      const isFine = outcome.is === 'acknowledged'
      const latency = isFine ? doneAfter : Math.max(doneAfter, timeoutMs * 1e3)
      for (const each of own ? [own, all] : [all]) {
        each.latency.add(latency)
        if (outcome.is !== 'unsent') each.service.add(latency - sentAfter)
      }
    },
  }
}

const pair = () => ({ latency: createLatencies(), service: createLatencies() })
