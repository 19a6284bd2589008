import { monotonicMs } from './clock.js'
import { forkLoadChild, type LoadChild } from './load-child.js'
import type { GeneratorUsage, News, Order, Samples, Target } from './protocol.js'
import { packsOf, type RequestSource } from './request-source.js'
import { type Pace, requestsOf } from './schedule.js'
import type { SecondFigures } from './seconds.js'
import { settling } from './settling.js'
import { createTotals, type Totals } from './totals.js'

export interface LoadOptions {
  readonly target: Target
  /** Open: at least as many as the pace has. Each is sent once, in order. */
  readonly requests: RequestSource
  readonly pace: Pace
  readonly processes: number
  /** Of each process; each connection has one request on its way at most. */
  readonly connections: number
  /** How long an answer may take, and a request may wait for a connection. */
  readonly timeoutMs: number
  /** Closed: after the last request comes the first one again, until the time is over. */
  readonly repeat?: boolean
  /** Each second of the run, about half a second after it. */
  readonly onSecond?: (second: SecondFigures) => void
}

export interface LoadResult extends Totals {
  readonly pace: Pace
  /** Requests that the pace has; closed, those that were sent. */
  readonly intended: number
  /** Of the monotonic clock. */
  readonly startMs: number
  /** By process. */
  readonly generators: readonly GeneratorUsage[]
}

/** A load whose processes have their requests and their connections. */
export interface PreparedLoad {
  readonly pids: readonly number[]
  /** Once. @param startMs of the monotonic clock, in a moment @throws Error when a process of the load ends. */
  run(startMs?: number): Promise<LoadResult>
  stop(): Promise<void>
}

/** @throws Error when nobody answers at the target, or a process of the load ends. */
export const runLoad = async (options: LoadOptions): Promise<LoadResult> => {
  const prepared = await prepareLoad(options)
  try {
    return await prepared.run()
  } finally {
    await prepared.stop()
  }
}

/** How long opening all connections may take. */
const CONNECT_MS = 20_000
/** Every process has heard of the start by then. */
const START_IN_MS = 300

interface Generator {
  readonly child: LoadChild<Order>
  readonly ready: Promise<void>
  readonly done: Promise<GeneratorUsage>
}

export const prepareLoad = async (options: LoadOptions): Promise<PreparedLoad> => {
  const { requests, pace, processes, onSecond } = options
  const count = pace.mode === 'open' ? requestsOf(pace) : requests.count
  if (requests.count < count) throw new Error(`${count} requests are needed, and there are ${requests.count}`)
  if (count < processes) throw new Error(`${count} requests are too few for ${processes} processes`)
  const totals = createTotals({
    pace,
    series: requests.series,
    count,
    timeoutMs: options.timeoutMs,
    ...(onSecond ? { onSecond } : {}),
  })
  const generators = Array.from({ length: processes }, () => startGenerator(totals.add))
  const stop = async (): Promise<void> => {
    await Promise.all(generators.map(({ child }) => child.stop()))
  }
  try {
    await Promise.all(generators.map((generator, position) => prepare(generator, position, count, options)))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    pids: generators.map(({ child }) => child.pid),
    async run(startMs = monotonicMs() + START_IN_MS) {
      await Promise.all(generators.map(({ child }) => child.send({ do: 'start', atMs: startMs })))
      const clock = setInterval(() => totals.passed(monotonicMs() - startMs), 100)
      try {
        const usages = await Promise.all(
          generators.map(({ child, done }) => Promise.race([done, child.broken])),
        )
        const result = totals.result()
        const intended = pace.mode === 'open' ? count : result.sent
        return { ...result, pace, intended, startMs, generators: usages }
      } finally {
        clearInterval(clock)
      }
    },
    stop,
  }
}

const startGenerator = (onSamples: (samples: Samples) => void): Generator => {
  const ready = settling<void>()
  const done = settling<GeneratorUsage>()
  const child = forkLoadChild<News, Order>(new URL('./load-process.js', import.meta.url), (news) => {
    switch (news.is) {
      case 'ready':
        return ready.resolve()
      case 'samples':
        return onSamples(news)
      case 'done':
        return done.resolve(news)
      case 'broken':
        ready.reject(new Error(news.reason))
        return done.reject(new Error(news.reason))
    }
  })
  return { child, ready: ready.promise, done: done.promise }
}

const prepare = async (
  { child, ready }: Generator,
  position: number,
  all: number,
  options: LoadOptions,
): Promise<void> => {
  const { target, requests, connections, timeoutMs, pace, processes, repeat = false } = options
  const count = Math.ceil((all - position) / processes)
  const order = { target, series: requests.series, connections, timeoutMs, pace, position, processes }
  await child.send({ do: 'prepare', ...order, count, repeat })
  for (const pack of packsOf(requests, { position, processes, count })) {
    await child.send({ do: 'take', ...pack })
  }
  await child.send({ do: 'connect' })
  const late = new Promise<never>((_, reject) => {
    const waited = `${target.host}:${target.port}: connections are not open after ${CONNECT_MS} ms`
    setTimeout(() => reject(new Error(waited)), CONNECT_MS).unref()
  })
  await Promise.race([ready, child.broken, late])
}
