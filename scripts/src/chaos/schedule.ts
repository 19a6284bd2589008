import { type Chance, createChance } from './random.js'

/** The processes that a fault may strike, and the servers that clients reach through a proxy. */
export const KINDS = ['gateway', 'ingest', 'processor', 'nats', 'redis', 'clickhouse'] as const
export type Kind = (typeof KINDS)[number]
export const PROXIED = ['nats', 'redis', 'clickhouse'] as const
export type Proxied = (typeof PROXIED)[number]
/** Ours: their clocks can be made to jump. */
export const SERVICES = ['gateway', 'ingest', 'processor'] as const
export type Service = (typeof SERVICES)[number]

export const FAULTS = [
  ...KINDS.map((kind) => `kill-${kind}` as const),
  ...KINDS.map((kind) => `stop-${kind}` as const),
  'kill-pair',
  'stop-pair',
  'flushall',
  'redis-older-file',
  'nats-damaged-index',
  ...PROXIED.map((server) => `cut-${server}` as const),
  ...PROXIED.map((server) => `delay-${server}` as const),
  ...PROXIED.map((server) => `half-open-${server}` as const),
  ...PROXIED.map((server) => `full-${server}` as const),
  // The clock of one process, and of all of a kind.
  ...SERVICES.map((service) => `clock-${service}` as const),
  ...SERVICES.map((service) => `clocks-${service}` as const),
  'close-event',
] as const
export type FaultName = (typeof FAULTS)[number]

export interface PlannedFault {
  readonly name: FaultName
  /** Quiet before it, from the end of the one before. */
  readonly waitMs: number
  /** How long it lasts, where it lasts. */
  readonly lastsMs: number
  /** Which processes it strikes, where it strikes processes. */
  readonly targets: readonly string[]
  /** Which process is killed in the middle of it: what comes up begins on a full disk, or with a wrong clock beside it. */
  readonly kills: readonly string[]
  /** How far clocks jump, where they do. */
  readonly jumpMs: number
}

export interface Schedule {
  readonly seed: number
  readonly faults: readonly PlannedFault[]
}

export interface ScheduleOptions {
  readonly seed: number
  /** How long faults come, or how many of them. */
  readonly durationMs: number
  readonly count?: number | undefined
  readonly faults: readonly FaultName[]
  /** How much quicker than usual faults follow each other, and end; 1 unless told. */
  readonly pace?: number
  /** The names of the processes of each kind. */
  readonly instances: Readonly<Record<Kind, readonly string[]>>
}

const WAIT_MS = { least: 1_500, most: 4_000 }
const LASTS_MS = { least: 500, most: 6_000 }
/** Of the faults that last and strike a part of the system, so many kill a process in their middle. */
const KILLS_SHARE = 0.5
const SECOND_MS = 1_000
/** How far clocks jump: seconds, minutes, an hour or two; forwards or backwards. */
const JUMPS_MS = [
  { least: 2 * SECOND_MS, most: 40 * SECOND_MS },
  { least: 60 * SECOND_MS, most: 20 * 60 * SECOND_MS },
  { least: 3_600 * SECOND_MS, most: 2 * 3_600 * SECOND_MS },
] as const
/** Quiet at the end, in which the last fault's recovery is seen under load. */
const TAIL_MS = 5_000

/**
 * The whole run, drawn from its seed alone: every fault comes once before any comes again. What the faults
 * meet is not drawn and differs from run to run.
 */
export const createSchedule = (options: ScheduleOptions): Schedule => {
  const { seed, durationMs, count, faults } = options
  const chance = createChance(seed)
  const planned: PlannedFault[] = []
  let round: FaultName[] = []
  for (let usedMs = 0; count === undefined || planned.length < count; ) {
    if (round.length === 0) round = chance.shuffled(faults)
    const name = round.shift()
    if (name === undefined) break
    const fault = drawFault(name, chance, options)
    usedMs += fault.waitMs + fault.lastsMs
    if (count === undefined && usedMs > durationMs - TAIL_MS) break
    planned.push(fault)
  }
  return { seed, faults: planned }
}

/** As much is drawn for each, whatever it needs, so that one fault's nature does not change those behind it. */
const drawFault = (
  name: FaultName,
  chance: Chance,
  { instances, pace = 1 }: Pick<ScheduleOptions, 'instances' | 'pace'>,
): PlannedFault => {
  const waitMs = Math.round(chance.whole(WAIT_MS.least, WAIT_MS.most) / pace)
  const lastsMs = Math.round(chance.whole(LASTS_MS.least, LASTS_MS.most) / pace)
  const pair = chance.shuffled(KINDS.flatMap((kind) => instances[kind])).slice(0, 2)
  const jump = chance.pick(JUMPS_MS)
  const jumpMs = chance.whole(jump.least, jump.most) * (chance.next() < 0.5 ? 1 : -1)
  const kills = chance.next() < KILLS_SHARE
  const kind = KINDS.find((candidate) => name.endsWith(`-${candidate}`))
  const own = chance.shuffled(kind ? instances[kind] : [])
  const isClock = /^clocks?-/.test(name)
  return {
    name,
    waitMs,
    lastsMs: lasts(name) ? lastsMs : 0,
    targets: targetsOf(name, own, pair),
    // With one wrong clock, the other process of the kind: so that this one takes its work over.
    kills: kills && (isClock || name.startsWith('full-')) ? own.slice(-1) : [],
    jumpMs: isClock ? jumpMs : 0,
  }
}

const targetsOf = (name: FaultName, own: readonly string[], pair: readonly string[]): readonly string[] => {
  if (name.endsWith('-pair')) return pair
  if (name.startsWith('clocks-')) return own
  return /^(kill|stop|clock)-/.test(name) ? own.slice(0, 1) : []
}

const lasts = (name: FaultName): boolean => /^(stop|cut|delay|half-open|redis-older|full|clocks?)-/.test(name)
