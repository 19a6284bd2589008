import { createChance } from './random.js'

/** The processes that a fault may strike, and the servers that clients reach through a proxy. */
export const KINDS = ['gateway', 'ingest', 'processor', 'nats', 'redis', 'clickhouse'] as const
export type Kind = (typeof KINDS)[number]
export const PROXIED = ['nats', 'redis', 'clickhouse'] as const
export type Proxied = (typeof PROXIED)[number]

export const FAULTS = [
  ...KINDS.map((kind) => `kill-${kind}`),
  ...KINDS.map((kind) => `stop-${kind}`),
  'kill-pair',
  'stop-pair',
  'flushall',
  'redis-older-file',
  'nats-damaged-index',
  ...PROXIED.map((server) => `cut-${server}`),
  ...PROXIED.map((server) => `delay-${server}`),
  ...PROXIED.map((server) => `half-open-${server}`),
  'close-event',
] as const
export type FaultName = string

/** What no fault here does; said in every report, so that nobody takes it for covered. */
export const NOT_COVERED = ['a full disk', 'a clock that jumps'] as const

export interface PlannedFault {
  readonly name: FaultName
  /** Quiet before it, from the end of the one before. */
  readonly waitMs: number
  /** How long it lasts, where it lasts. */
  readonly lastsMs: number
  /** Which processes it strikes, where it strikes processes. */
  readonly targets: readonly string[]
}

export interface Schedule {
  readonly seed: number
  readonly faults: readonly PlannedFault[]
}

export interface ScheduleOptions {
  readonly seed: number
  readonly durationMs: number
  readonly faults: readonly FaultName[]
  /** How much quicker than usual faults follow each other, and end; 1 unless told. */
  readonly pace?: number
  /** The names of the processes of each kind. */
  readonly instances: Readonly<Record<Kind, readonly string[]>>
}

const WAIT_MS = { least: 1_500, most: 4_000 }
const LASTS_MS = { least: 500, most: 6_000 }
/** Quiet at the end, in which the last fault's recovery is seen under load. */
const TAIL_MS = 5_000

/**
 * The whole run, drawn from its seed alone: every fault comes once before any comes again. What the faults
 * meet is not drawn and differs from run to run.
 */
export const createSchedule = (options: ScheduleOptions): Schedule => {
  const { seed, durationMs, faults, instances, pace = 1 } = options
  const chance = createChance(seed)
  const all = KINDS.flatMap((kind) => instances[kind])
  const planned: PlannedFault[] = []
  let round: FaultName[] = []
  for (let usedMs = 0; ; ) {
    if (round.length === 0) round = chance.shuffled(faults)
    const name = round.shift()
    if (name === undefined) break
    const waitMs = Math.round(chance.whole(WAIT_MS.least, WAIT_MS.most) / pace)
    const lastsMs = Math.round(chance.whole(LASTS_MS.least, LASTS_MS.most) / pace)
    const pair = chance.shuffled(all).slice(0, 2)
    const kind = KINDS.find((candidate) => name === `kill-${candidate}` || name === `stop-${candidate}`)
    const targets = name.endsWith('-pair') ? pair : kind ? [chance.pick(instances[kind])] : []
    usedMs += waitMs + (lasts(name) ? lastsMs : 0)
    if (usedMs > durationMs - TAIL_MS) break
    planned.push({ name, waitMs, lastsMs: lasts(name) ? lastsMs : 0, targets })
  }
  return { seed, faults: planned }
}

const lasts = (name: FaultName): boolean => /^(stop|cut|delay|half-open|redis-older)-/.test(name)
