import { createLatencies, type Latencies } from './latencies.js'
import type { Outcome } from './protocol.js'

/** What happened in one second of a run. */
export interface SecondFigures {
  /** From 0, after the start. */
  readonly second: number
  /** Requests, by the pace; null where there is none. */
  readonly asked: number | null
  readonly sent: number
  readonly acknowledged: number
  /** Without an acknowledgement, by code. */
  readonly errors: Readonly<Record<string, number>>
  /** Of what was acknowledged in this second, from the intended time; NaN without any. */
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

interface Gathering {
  sent: number
  acknowledged: number
  errors: Record<string, number>
  latency: Latencies | null
}

/** A process tells what became of its requests so much later. */
const TOLD_AFTER_MS = 600

/** Figures by the second. @param askedAt requests asked for in a second */
export const createSeconds = (
  askedAt: (second: number) => number | null,
  onSecond: (second: SecondFigures) => void = () => undefined,
) => {
  const gatherings = new Map<number, Gathering>()
  const told: SecondFigures[] = []

  const at = (micros: number): Gathering => {
    // What comes after its second was told is counted in the first one that was not.
    const second = Math.max(told.length, Math.floor(micros / 1e6))
    const known = gatherings.get(second)
    if (known) return known
    const fresh = { sent: 0, acknowledged: 0, errors: {}, latency: null }
    gatherings.set(second, fresh)
    return fresh
  }
  const tell = (): void => {
    const second = told.length
    const { sent, acknowledged, errors, latency } = at(second * 1e6)
    gatherings.delete(second)
    const p = (percent: number): number => latency?.atMs(percent) ?? Number.NaN
    const percentiles = { p50Ms: p(50), p95Ms: p(95), p99Ms: p(99) }
    const figures = { second, asked: askedAt(second), sent, acknowledged, errors, ...percentiles }
    told.push(figures)
    onSecond(figures)
  }

  return {
    /** @param sent @param done microseconds after the start @param latency microseconds */
    add(sent: number, done: number, latency: number, { is, code }: Outcome): void {
      if (is !== 'unsent') at(sent).sent += 1
      const during = at(done)
      if (is === 'acknowledged') {
        during.acknowledged += 1
        during.latency ??= createLatencies()
        during.latency.add(latency)
      } else {
        during.errors[code] = (during.errors[code] ?? 0) + 1
      }
    },
    passed(nowMs: number): void {
      while ((told.length + 1) * 1_000 + TOLD_AFTER_MS <= nowMs) tell()
    },
    /** All that something happened in, the last ones included. */
    all(): readonly SecondFigures[] {
      while (gatherings.size > 0) tell()
      return told
    },
  }
}
