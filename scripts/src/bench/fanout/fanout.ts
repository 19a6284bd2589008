import { setTimeout as pause } from 'node:timers/promises'
import { keepCores } from '../cores.js'
import { median } from '../median.js'
import type { Say } from '../part.js'
import { usageOf } from '../process-usage.js'
import { type Readers, startReaders } from '../readers.js'
import type { Count } from '../readers-process.js'
import { CONTENDERS, type Running } from './contenders.js'
import { CONTESTANTS } from './shown-board.js'

export interface FanoutOptions {
  readonly viewers: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly boardsPerSecond: number
  /** Viewers besides these who do not read. */
  readonly stopped: number
  /** Of Votestream. */
  readonly workers: number
  readonly votesPerSecond: number
  /** What is measured has cores of its own. */
  readonly pin: boolean
  readonly only: readonly string[]
  readonly say: Say
}

/** Medians over the rounds. */
export interface FanoutFigures {
  readonly contender: string
  readonly viewers: number
  /** Processor time of the server, for one message that a viewer received. */
  readonly cpuMicroseconds: number
  /** Of the boards that were given to it, the share that a viewer received. */
  readonly delivered: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  /** Of a message as it goes over the wire, without the heads of TCP. */
  readonly messageBytes: number
  readonly contestants: number
  /** What a connected viewer adds to the server's memory. */
  readonly kilobytesPerSocket: number
  /** Versions that did not grow, and a last board that was not what everybody saw last. */
  readonly faults: number
}

/** Until a server that has begun, or has got its viewers, rests. */
const WARM_UP_MS = 1_500
/** Boards before the counting, so that nothing is compiled while it is measured. */
const CONNECTED_WARM_UP_MS = 4_000
/** The path of a vote is long, and a process that has just begun takes more for it. */
const VOTES_WARM_UP_MS = 24_000
/** By then the last board has reached whoever it will ever reach. */
const SETTLE_MS = 3_000

/** One contender after the other in each round, so that what else this machine does falls on all alike. */
export const measureFanout = async (options: FanoutOptions): Promise<FanoutFigures[]> => {
  const { viewers, rounds, only, say } = options
  const cores = options.pin ? await keepCores(options.workers) : undefined
  const contenders = CONTENDERS.filter(({ name }) => only.length === 0 || only.includes(name))
  const figures: FanoutFigures[] = []
  for (const count of viewers) {
    const samples = new Map<string, FanoutFigures[]>()
    for (let round = 1; round <= rounds; round += 1) {
      for (const { name, start } of contenders) {
        const running = await start(options)
        await cores?.give(running.serving)
        const readers = startReaders()
        try {
          const sample = { contender: name, ...(await measureOne(running, readers, count, options)) }
          samples.set(name, [...(samples.get(name) ?? []), sample])
          say(
            `${count} viewers, round ${round}: ${name} ${sample.cpuMicroseconds.toFixed(1)} µs, p99 ${sample.p99Ms} ms`,
          )
        } finally {
          await readers.stop()
          await running.stop()
        }
      }
    }
    for (const { name } of contenders) figures.push(medianOf(samples.get(name) ?? []))
  }
  return figures
}

const measureOne = async (
  running: Running,
  readers: Readers,
  viewers: number,
  { seconds, boardsPerSecond, stopped, votesPerSecond }: FanoutOptions,
): Promise<Omit<FanoutFigures, 'contender'>> => {
  const { ask } = readers
  await pause(WARM_UP_MS)
  const before = usageOf(running.pids)
  await ask({ do: 'connect', url: running.url, viewers, dialect: running.dialect, stopped })
  await pause(WARM_UP_MS)
  const connected = usageOf(running.pids)
  const warmUpMs = votesPerSecond > 0 ? VOTES_WARM_UP_MS : CONNECTED_WARM_UP_MS
  const secondsMax = warmUpMs / 1_000 + seconds + 5
  const boards = await running.begin({ boardsPerSecond, secondsMax })
  try {
    await pause(warmUpMs)
    await ask({ do: 'count' })
    const from = usageOf(running.pids)
    const givenBefore = boards.given()
    await pause(seconds * 1_000)
    const to = usageOf(running.pids)
    const given = boards.given() - givenBefore
    const counted = await ask<Count>({ do: 'tell' })
    const last = await boards.end()
    await pause(SETTLE_MS)
    const { votes } = await ask<Count>({ do: 'tell' })
    const behind = votes[0] === last && votes[1] === last ? 0 : 1
    return {
      viewers,
      cpuMicroseconds: ((to.cpuSeconds - from.cpuSeconds) * 1e6) / counted.received,
      delivered: counted.received / (given * viewers),
      messageBytes: counted.bytes / counted.received,
      contestants: CONTESTANTS.length,
      p50Ms: counted.p50Ms,
      p95Ms: counted.p95Ms,
      p99Ms: counted.p99Ms,
      kilobytesPerSocket: (connected.residentBytes - before.residentBytes) / viewers / 1024,
      faults: counted.backwards + behind,
    }
  } finally {
    await boards.end()
  }
}

const medianOf = (samples: readonly FanoutFigures[]): FanoutFigures => {
  const [first] = samples
  if (!first) throw new Error('nothing was measured')
  const of = (field: Exclude<keyof FanoutFigures, 'contender'>) =>
    median(samples.map((sample) => sample[field]))
  return {
    contender: first.contender,
    viewers: first.viewers,
    cpuMicroseconds: of('cpuMicroseconds'),
    delivered: of('delivered'),
    messageBytes: of('messageBytes'),
    contestants: first.contestants,
    p50Ms: of('p50Ms'),
    p95Ms: of('p95Ms'),
    p99Ms: of('p99Ms'),
    kilobytesPerSocket: of('kilobytesPerSocket'),
    faults: samples.reduce((sum, { faults }) => sum + faults, 0),
  }
}
