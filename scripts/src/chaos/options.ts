import { parseArgs } from 'node:util'
import { FAULTS, type FaultName } from './schedule.js'

export interface ChaosOptions {
  readonly kind: 'run' | 'list' | 'help'
  readonly seed: number
  readonly durationMs: number
  readonly faults: readonly FaultName[]
  /** Votes sent in a second, whatever is answered. */
  readonly rate: number
  readonly keep: boolean
  readonly json: boolean
}

export const CHAOS_USAGE = `npm run chaos -- [--minutes 5] [--seed N] [--fault NAME …] [--rate 150] [--keep] [--json]
  starts a system of its own, breaks it under load, heals it, and proves that no vote was lost or counted twice

  --minutes N    how long faults come; 5 unless told
  --seed N       the same seed gives the same schedule; drawn and printed unless told
  --fault NAME   only this fault; may be repeated
  --rate N       votes a second; 150 unless told
  --list         prints the names of the faults
  --keep         keeps the folder (it is kept, too, when something is found)
  --json         prints the result as JSON`

const SEED_MAX = 2 ** 31 - 1

/** @throws Error with a sentence for a person. */
export const parseChaosOptions = (args: readonly string[], drawSeed: () => number): ChaosOptions => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string' },
      fault: { type: 'string', multiple: true },
      rate: { type: 'string', default: '150' },
      list: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const faults = values.fault ?? FAULTS
  const known: readonly string[] = FAULTS
  for (const fault of faults) {
    if (!known.includes(fault)) throw new Error(`There is no fault ${fault}. There are: ${FAULTS.join(', ')}`)
  }
  return {
    kind: values.help ? 'help' : values.list ? 'list' : 'run',
    seed: values.seed === undefined ? drawSeed() % SEED_MAX : whole('seed', values.seed, 0, SEED_MAX),
    durationMs: 60_000 * within('minutes', values.minutes, 0.1, 24 * 60),
    faults,
    rate: whole('rate', values.rate, 1, 5_000),
    keep: values.keep,
    json: values.json,
  }
}

const within = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text)
  if (value >= least && value <= most) return value
  throw new Error(`--${name} must be from ${least} to ${most}, not ${text}`)
}

const whole = (name: string, text: string, least: number, most: number): number => {
  const value = within(name, text, least, most)
  if (Number.isInteger(value)) return value
  throw new Error(`--${name} must be a whole number, not ${text}`)
}
