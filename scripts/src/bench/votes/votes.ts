import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../../load/clock.js'
import { type LoadResult, prepareLoad } from '../../load/run-load.js'
import { median } from '../median.js'
import type { Say } from '../part.js'
import { usageOf } from '../process-usage.js'
import { type Contender, type Contenders, SHARDS, startContenders } from './contenders.js'

export interface VotesOptions {
  readonly connections: readonly number[]
  readonly rounds: number
  readonly seconds: number
  /** Of each contender, before anything is measured. */
  readonly warmUpSeconds: number
  /** Names of contenders, and no others; empty: all. */
  readonly only: readonly string[]
  /** A folder for what Votestream's services did with their processor time; being watched costs some of it. */
  readonly profileFolder?: string | undefined
  readonly say: Say
}

/** Medians over the rounds. */
export interface VotesFigures {
  readonly contender: string
  readonly connections: number
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

export interface VotesOutcome {
  readonly figures: readonly VotesFigures[]
  /** Of Votestream, with one process of its gateway. */
  readonly shards: number
  /** Acknowledged by Votestream, and on its board at the end. */
  readonly acknowledged: number
  readonly counted: number
}

/** One contender after the other in each round, so that what else this machine does falls on all alike. */
export const measureVotes = async (options: VotesOptions): Promise<VotesOutcome> => {
  const { connections, rounds, warmUpSeconds, say } = options
  const contenders = await startContenders(options.only, options.profileFolder)
  const samples = new Map<string, VotesFigures[]>()
  let acknowledged = 0
  const measure = async (contender: Contender, count: number, seconds: number): Promise<VotesFigures> => {
    const { figures, load } = await measureOne(contender, count, seconds)
    if (contender.name.startsWith('Votestream')) acknowledged += load.acknowledged
    return figures
  }
  try {
    const most = Math.max(...connections)
    for (const contender of contenders.list) await measure(contender, most, warmUpSeconds)
    for (const count of connections) {
      for (let round = 1; round <= rounds; round += 1) {
        for (const contender of contenders.list) {
          const sample = await measure(contender, count, options.seconds)
          const key = `${contender.name} ${count}`
          samples.set(key, [...(samples.get(key) ?? []), sample])
          const { perSecond, cpuMicroseconds: cpu } = sample
          say(
            `${count} connections, round ${round}: ${contender.name} ${perSecond.toFixed(0)}/s, ${cpu.toFixed(1)} µs`,
          )
        }
      }
    }
    const counted = await countedOnce(contenders, acknowledged)
    return { figures: [...samples.values()].map(medianOf), shards: SHARDS, acknowledged, counted }
  } finally {
    await contenders.stop()
  }
}

/** Until everybody works at full speed. */
const RAMP_SECONDS = 1.5
const START_IN_MS = 300
const TIMEOUT_MS = 20_000

const measureOne = async (
  { name, port, processes, requests, perSecondMax }: Contender,
  connections: number,
  seconds: number,
): Promise<{ figures: VotesFigures; load: LoadResult }> => {
  const source = requests(Math.round(perSecondMax * (RAMP_SECONDS + seconds)))
  const load = await prepareLoad({
    target: { host: '127.0.0.1', port, isTls: false },
    requests: source,
    pace: { mode: 'closed', rampSeconds: RAMP_SECONDS, seconds },
    processes: 1,
    connections,
    timeoutMs: TIMEOUT_MS,
    repeat: source.count === 1,
  })
  try {
    const startMs = monotonicMs() + START_IN_MS
    const usage = sampleUsage(processes, startMs + RAMP_SECONDS * 1_000, seconds)
    const result = await load.run(startMs)
    const used = await usage
    const { acknowledged, seconds: measured } = result.measured
    const byProcess = Object.fromEntries(used.map(([kind, cpu]) => [kind, (cpu * 1e6) / acknowledged]))
    const figures = {
      contender: name,
      connections,
      perSecond: acknowledged / measured,
      cpuMicroseconds: Object.values(byProcess).reduce((sum, each) => sum + each, 0),
      byProcess,
      requestBytes: Buffer.byteLength(source.at(0).text),
      p50Ms: result.all.service.atMs(50),
      p99Ms: result.all.service.atMs(99),
      faults: result.sent - result.acknowledged,
    }
    return { figures, load: result }
  } finally {
    await load.stop()
  }
}

/** Processor seconds of each kind of process, from a time of the monotonic clock on. */
const sampleUsage = async (
  processes: Contender['processes'],
  fromMs: number,
  seconds: number,
): Promise<[kind: string, cpuSeconds: number][]> => {
  const look = () => processes.map(({ pids }) => usageOf(pids).cpuSeconds)
  await pause(Math.max(0, fromMs - monotonicMs()))
  const from = look()
  await pause(Math.max(0, fromMs + seconds * 1_000 - monotonicMs()))
  return look().map((cpu, index) => [processes[index]?.name ?? '', cpu - (from[index] ?? 0)])
}

const COUNTED_WITHIN_MS = 20_000

/** The board, as soon as it has so many votes, or when it has had time enough. */
const countedOnce = async ({ counted }: Contenders, wanted: number): Promise<number> => {
  const untilMs = monotonicMs() + COUNTED_WITHIN_MS
  let count = await counted()
  while (count < wanted && monotonicMs() < untilMs) {
    await pause(200)
    count = await counted()
  }
  return count
}

const medianOf = (samples: readonly VotesFigures[]): VotesFigures => {
  const [first] = samples
  if (!first) throw new Error('nothing was measured')
  const of = (value: (sample: VotesFigures) => number): number => median(samples.map(value))
  const kinds = Object.keys(first.byProcess)
  return {
    contender: first.contender,
    connections: first.connections,
    perSecond: of(({ perSecond }) => perSecond),
    cpuMicroseconds: of(({ cpuMicroseconds }) => cpuMicroseconds),
    byProcess: Object.fromEntries(kinds.map((kind) => [kind, of(({ byProcess }) => byProcess[kind] ?? 0)])),
    requestBytes: of(({ requestBytes }) => requestBytes),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    faults: samples.reduce((sum, { faults }) => sum + faults, 0),
  }
}
