import { setTimeout as pause } from 'node:timers/promises'
import { type Child, startChild } from '../child.js'
import { median } from '../median.js'
import { usageOf } from '../process-usage.js'
import { CONTENDERS, type Running } from './contenders.js'
import type { Count, Order } from './readers.js'
import { CONTESTANTS } from './shown-board.js'

export interface FanoutOptions {
  readonly viewers: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly boardsPerSecond: number
  readonly only: readonly string[]
  readonly say: (text: string) => void
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
  readonly p99Ms: number
  /** What a connected viewer adds to the server's memory. */
  readonly kilobytesPerSocket: number
  /** Versions that did not grow, and viewers who did not see the last board: both are faults. */
  readonly faults: number
}

/** Boards before the counting, so that nothing is compiled while it is measured. */
const WARM_UP_MS = 1_500
/** By then the last board has reached whoever it will ever reach. */
const SETTLE_MS = 3_000

/** One contender after the other in each round, so that what else this machine does falls on all alike. */
export const measureFanout = async (options: FanoutOptions): Promise<FanoutFigures[]> => {
  const { viewers, rounds, only, say } = options
  const contenders = CONTENDERS.filter(({ name }) => only.length === 0 || only.includes(name))
  const figures: FanoutFigures[] = []
  for (const count of viewers) {
    const samples = new Map<string, FanoutFigures[]>()
    for (let round = 1; round <= rounds; round += 1) {
      for (const { name, start } of contenders) {
        const running = await start()
        const readers = startChild(new URL('./readers.js', import.meta.url))
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
  readers: Child,
  viewers: number,
  { seconds, boardsPerSecond }: FanoutOptions,
): Promise<Omit<FanoutFigures, 'contender'>> => {
  const ask = async <Answer>(order: Order): Promise<Answer> => {
    readers.send(order)
    const { answer, error } = await readers.next<{ answer: Answer; error?: string }>()
    if (error !== undefined) throw new Error(error)
    return answer
  }
  const boards = showBoards(running, boardsPerSecond)
  try {
    await pause(WARM_UP_MS)
    const before = usageOf(running.pids)
    await ask({ do: 'connect', url: running.url, viewers, dialect: running.dialect })
    await pause(WARM_UP_MS)
    const connected = usageOf(running.pids)
    await ask({ do: 'count' })
    const from = usageOf(running.pids)
    const shownBefore = boards.shown()
    await pause(seconds * 1_000)
    const to = usageOf(running.pids)
    const shown = boards.shown() - shownBefore
    const counted = await ask<Count>({ do: 'tell' })
    const last = await boards.end()
    await pause(SETTLE_MS)
    const { versions } = await ask<Count>({ do: 'tell' })
    const behind = versions[0] === last && versions[1] === last ? 0 : 1
    return {
      viewers,
      cpuMicroseconds: ((to.cpuSeconds - from.cpuSeconds) * 1e6) / counted.received,
      delivered: counted.received / (shown * viewers),
      p50Ms: counted.p50Ms,
      p99Ms: counted.p99Ms,
      kilobytesPerSocket: (connected.residentBytes - before.residentBytes) / viewers / 1024,
      faults: counted.backwards + behind,
    }
  } finally {
    await boards.end()
  }
}

/** Shows boards at a steady rate, each with a few more votes. */
const showBoards = ({ show }: Running, perSecond: number) => {
  const votes = CONTESTANTS.map(() => 0)
  let version = 0
  let timer: NodeJS.Timeout | undefined = setInterval(() => {
    version += 1
    const index = version % votes.length
    votes[index] = (votes[index] ?? 0) + 1 + (version % 7)
    show(version, votes, Date.now())
  }, 1_000 / perSecond)
  return {
    shown: () => version,
    /** @returns the version of the last board. */
    async end() {
      clearInterval(timer)
      timer = undefined
      return version
    },
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
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    kilobytesPerSocket: of('kilobytesPerSocket'),
    faults: samples.reduce((sum, { faults }) => sum + faults, 0),
  }
}
