import { cpus } from 'node:os'
import { LOOP_DELAY_EVERY_MS } from '@votestream/infra/health-server'
import { usageOf } from '../process-usage.js'
import type { ProcessGroup } from '../small-system.js'
import { growth, type Metrics, parseMetrics, sumOf, together } from './service-metrics.js'

/** All processes of a system at one moment. */
export interface Look {
  readonly atMs: number
  readonly groups: readonly GroupLook[]
  /** Of all of this machine's cores together, since it was started. */
  readonly machine: { readonly busyMs: number; readonly allMs: number }
}

interface GroupLook {
  readonly name: string
  readonly cpuSeconds: number
  /** Summed over its processes; empty for servers that are not ours. */
  readonly metrics: Metrics
  /** The greatest of its processes, since the look before: asking begins it anew. NaN for others' servers. */
  readonly loopDelayP99Ms: number
}

/** What processes of one kind did between two looks. */
export interface GroupFigures {
  readonly name: string
  /** Of one core. */
  readonly cpuShare: number
  /** Milliseconds of collecting garbage in each second, all processes together; NaN for others' servers. */
  readonly gcMillisecondsPerSecond: number
  /** Of that, what stopped everything to clean the whole heap. */
  readonly gcMajorMillisecondsPerSecond: number
  /** How late timers were, beyond what was asked for. */
  readonly loopDelayP99Ms: number
}

export interface LookFigures {
  readonly groups: readonly GroupFigures[]
  /** Of all cores of this machine, whoever used them. */
  readonly machineBusy: number
  /** Of all services of ours together. */
  readonly metrics: Metrics
}

const ASK_TIMEOUT_MS = 5_000

/** @throws Error when a service does not tell its metrics */
export const lookAt = async (processes: readonly ProcessGroup[]): Promise<Look> => {
  const groups = await Promise.all(processes.map(lookAtGroup))
  const times = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({
    busyMs: user + nice + sys + irq,
    idleMs: idle,
  }))
  const busyMs = times.reduce((sum, each) => sum + each.busyMs, 0)
  const allMs = times.reduce((sum, each) => sum + each.busyMs + each.idleMs, 0)
  return { atMs: performance.now(), groups, machine: { busyMs, allMs } }
}

const lookAtGroup = async ({ name, pids, metricsUrls }: ProcessGroup): Promise<GroupLook> => {
  const texts = await Promise.all(metricsUrls.map(ask))
  const delays = texts.map(
    (text) => sumOf(parseMetrics([text]), 'nodejs_eventloop_lag_p99_seconds') * 1_000 - LOOP_DELAY_EVERY_MS,
  )
  const loopDelayP99Ms = delays.length === 0 ? Number.NaN : Math.max(0, ...delays)
  return { name, cpuSeconds: usageOf(pids).cpuSeconds, metrics: parseMetrics(texts), loopDelayP99Ms }
}

const ask = async (url: string): Promise<string> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return response.text()
}

export const figuresBetween = (from: Look, to: Look): LookFigures => {
  const seconds = (to.atMs - from.atMs) / 1_000
  const grown = to.groups.map((group, index) => {
    const before = from.groups[index]
    return {
      ...group,
      cpuSeconds: group.cpuSeconds - (before?.cpuSeconds ?? 0),
      metrics: growth(before?.metrics ?? new Map(), group.metrics),
    }
  })
  const groups = grown.map(({ name, cpuSeconds, metrics, loopDelayP99Ms }): GroupFigures => {
    const gc = (kind: string): number =>
      metrics.size === 0
        ? Number.NaN
        : (1_000 * sumOf(metrics, `nodejs_gc_duration_seconds_sum${kind}`)) / seconds
    return {
      name,
      cpuShare: cpuSeconds / seconds,
      gcMillisecondsPerSecond: gc(''),
      gcMajorMillisecondsPerSecond: gc('{kind="major"}'),
      loopDelayP99Ms,
    }
  })
  const { machine: before } = from
  const { machine: after } = to
  return {
    groups,
    machineBusy: (after.busyMs - before.busyMs) / (after.allMs - before.allMs),
    metrics: together(grown.map(({ metrics }) => metrics)),
  }
}
