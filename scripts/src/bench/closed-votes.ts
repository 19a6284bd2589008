import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../load/clock.js'
import type { RequestSource } from '../load/request-source.js'
import { prepareLoad } from '../load/run-load.js'
import { usageOf } from './process-usage.js'

/** Processes of one kind, whose processor time counts. */
export interface Group {
  readonly name: string
  readonly pids: readonly number[]
}

export interface ClosedVotesOptions {
  /** Of 127.0.0.1. */
  readonly port: number
  readonly processes: readonly Group[]
  readonly requests: (count: number) => RequestSource
  /** More than can be taken a second on any machine: so many are prepared. */
  readonly perSecondMax: number
  readonly connections: number
  /** Of measuring, after the ramp. */
  readonly seconds: number
  readonly timeoutMs: number
}

export interface ClosedFigures {
  readonly perSecond: number
  /** Processor time of all processes, for one vote. */
  readonly cpuMicroseconds: number
  /** The same by kind of process. */
  readonly byProcess: Readonly<Record<string, number>>
  /** Of a request as it goes over the wire, without the heads of TCP. */
  readonly requestBytes: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Votes that were not acknowledged. */
  readonly faults: number
}

/** Until everybody works at full speed. */
const RAMP_SECONDS = 1.5
const START_IN_MS = 300

/** As fast as answers come: each connection sends when it was answered. `acknowledged` counts the ramp too. */
export const measureClosedVotes = async (
  options: ClosedVotesOptions,
): Promise<ClosedFigures & { readonly acknowledged: number }> => {
  const { port, processes, requests, perSecondMax, connections, seconds, timeoutMs } = options
  const source = requests(Math.round(perSecondMax * (RAMP_SECONDS + seconds)))
  const load = await prepareLoad({
    target: { host: '127.0.0.1', port, isTls: false },
    requests: source,
    pace: { mode: 'closed', rampSeconds: RAMP_SECONDS, seconds },
    processes: 1,
    connections,
    timeoutMs,
    repeat: source.count === 1,
  })
  try {
    const startMs = monotonicMs() + START_IN_MS
    const usage = sampleUsage(processes, startMs + RAMP_SECONDS * 1_000, seconds)
    const result = await load.run(startMs)
    const used = await usage
    const { acknowledged, seconds: measured } = result.measured
    const byProcess = Object.fromEntries(used.map(([kind, cpu]) => [kind, (cpu * 1e6) / acknowledged]))
    return {
      perSecond: acknowledged / measured,
      cpuMicroseconds: Object.values(byProcess).reduce((sum, each) => sum + each, 0),
      byProcess,
      requestBytes: Buffer.byteLength(source.at(0).text),
      p50Ms: result.all.service.atMs(50),
      p99Ms: result.all.service.atMs(99),
      faults: result.sent - result.acknowledged,
      acknowledged: result.acknowledged,
    }
  } finally {
    await load.stop()
  }
}

/** Processor seconds of each kind of process, from a time of the monotonic clock on. */
const sampleUsage = async (
  processes: readonly Group[],
  fromMs: number,
  seconds: number,
): Promise<[kind: string, cpuSeconds: number][]> => {
  const look = () => processes.map(({ pids }) => usageOf(pids).cpuSeconds)
  await pause(Math.max(0, fromMs - monotonicMs()))
  const from = look()
  await pause(Math.max(0, fromMs + seconds * 1_000 - monotonicMs()))
  return look().map((cpu, index) => [processes[index]?.name ?? '', cpu - (from[index] ?? 0)])
}
