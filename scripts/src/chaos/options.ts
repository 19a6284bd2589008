import { parseArgs } from 'node:util'
import { FAULTS, type FaultName } from './schedule.js'

export interface ChaosOptions {
  readonly kind: 'run' | 'list' | 'help'
  readonly seed: number
  readonly durationMs: number
  /** So many faults, however long they take. */
  readonly count: number | undefined
  readonly faults: readonly FaultName[]
  /** Votes sent in a second, whatever is answered. */
  readonly rate: number
  readonly keep: boolean
  readonly json: boolean
  readonly markdown: boolean
}

export const CHAOS_USAGE = `npm run chaos -- [--minutes 5 | --faults N] [--seed N] [--fault NAME …] [--rate 150]
                    [--keep] [--json | --markdown]
  starts a system of its own, breaks it under load, heals it, and proves that no vote was lost or counted twice

  --minutes N    how long faults come; 5 unless told, which is about 50 of them
  --faults N     how many faults come; 200 take about 20 minutes, and each comes at least 5 times
  --seed N       the same seed gives the same schedule; drawn and printed unless told
  --fault NAME   only this fault; may be repeated
  --rate N       votes a second; 150 unless told
  --list         prints the names of the faults
  --keep         keeps the folder (it is kept, too, when something is found)
  --json         prints the result as JSON
  --markdown     prints the table as Markdown

  A full disk needs the permission to mount; where it is missing, these faults are left out, and that is said.`

const SEED_MAX = 2 ** 31 - 1

/** @throws Error with a sentence for a person. */
export const parseChaosOptions = (args: readonly string[], drawSeed: () => number): ChaosOptions => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      faults: { type: 'string' },
      seed: { type: 'string' },
      fault: { type: 'string', multiple: true },
      rate: { type: 'string', default: '150' },
      list: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return {
    kind: values.help ? 'help' : values.list ? 'list' : 'run',
    seed: values.seed === undefined ? drawSeed() % SEED_MAX : whole('seed', values.seed, 0, SEED_MAX),
    durationMs: 60_000 * within('minutes', values.minutes, 0.1, 24 * 60),
    count: values.faults === undefined ? undefined : whole('faults', values.faults, 1, 100_000),
    faults: values.fault?.map(knownFault) ?? FAULTS,
    rate: whole('rate', values.rate, 1, 5_000),
    keep: values.keep,
    json: values.json,
    markdown: values.markdown,
  }
}

const knownFault = (name: string): FaultName => {
  const known = FAULTS.find((fault) => fault === name)
  if (!known) throw new Error(`There is no fault ${name}. There are: ${FAULTS.join(', ')}`)
  return known
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
