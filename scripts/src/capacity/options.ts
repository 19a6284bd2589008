import { parseArgs } from 'node:util'
import type { Demand } from './demand.js'

export interface CapacityCommand {
  readonly demand: Demand
  readonly format: 'text' | 'markdown' | 'json'
}

interface NumberOption {
  readonly otherwise: number
  readonly least: number
  readonly most: number
  readonly isWhole: boolean
  readonly hint: string
  readonly about: string
}

const MANY = 1e12
const whole = (
  otherwise: number,
  least: number,
  most: number,
  hint: string,
  about: string,
): NumberOption => ({
  otherwise,
  least,
  most,
  isWhole: true,
  hint,
  about,
})

/** By option; `--help` shows them in this order. */
const NUMBERS = {
  rate: whole(250_000, 1, 1e9, 'N', 'votes a second'),
  viewers: whole(1_000_000, 0, 1e10, 'N', 'who look on at once'),
  voters: whole(300_000_000, 1, MANY, 'N', 'registered, each of whom votes once'),
  boards: { ...whole(5, 0.01, 1_000, 'N', 'a second for each viewer'), isWhole: false },
  contestants: whole(10, 2, 100_000, 'N', 'on a board'),
  headroom: {
    ...whole(0.5, 0.01, 1, 'SHARE', 'how busy cores, disks and networks may be, from 0.01 to 1'),
    isWhole: false,
  },
  replicas: whole(3, 1, 5, 'N', 'copies of the log, the accounts and the archive'),
  'cores-per-node': whole(16, 1, 1_024, 'N', 'each as fast as those that were measured: assumed'),
  'memory-gib': whole(64, 1, 100_000, 'N', 'of a node, for one server: assumed'),
  'nic-gbits': {
    ...whole(10, 0.1, 800, 'N', 'Gbit/s of a node, in each direction: assumed'),
    isWhole: false,
  },
  'redis-copies': whole(2, 1, 5, 'N', 'of Redis, with the one that is written to: assumed'),
  ticks: whole(20, 1, 1_000, 'N', 'parts of a board that a shard publishes a second: assumed'),
} as const satisfies Record<string, NumberOption>

type Name = keyof typeof NUMBERS
const NAMES = Object.keys(NUMBERS) as Name[] // The keys are those of the object above.
const SWITCHES = ['json', 'markdown', 'help'] as const

const optionLines = NAMES.map((name) => {
  const { hint, about, otherwise } = NUMBERS[name]
  return `  ${`--${name} ${hint}`.padEnd(20)} ${about} (${otherwise})`
})

export const CAPACITY_USAGE = `npm run capacity   what a rate and an audience take, by what was measured on this machine, and what gives way first

${optionLines.join('\n')}
  --json               one JSON document on stdout
  --markdown           tables for the README
  --help               this

It is arithmetic: no part of a cluster was measured. It rests on the last results of npm run bench in .data/bench: votes,
commit, tally, archive, fanout and sockets, and memory where it was measured. Exit status 2: one is missing or cannot be
used, or an option is wrong.`

/** @throws Error that names every fault, for a person; null when help is asked for. */
export const parseCapacityCommand = (args: readonly string[]): CapacityCommand | null => {
  const faults: string[] = []
  const values = readValues(args, faults)
  if (values.help) return null
  const number = (name: Name): number => readNumber(name, values[name], faults)
  const demand: Demand = {
    rate: number('rate'),
    viewers: number('viewers'),
    voters: number('voters'),
    boards: number('boards'),
    contestants: number('contestants'),
    headroom: number('headroom'),
    replicas: number('replicas'),
    coresPerNode: number('cores-per-node'),
    memoryGib: number('memory-gib'),
    nicGbits: number('nic-gbits'),
    redisCopies: number('redis-copies'),
    ticks: number('ticks'),
  }
  if (values.json && values.markdown) faults.push('--json and --markdown: one of them')
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return { demand, format: values.json ? 'json' : values.markdown ? 'markdown' : 'text' }
}

type Values = Readonly<Record<string, string | boolean | undefined>>

const readValues = (args: readonly string[], faults: string[]): Values => {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(NAMES.map((name) => [name, { type: 'string' } as const])),
      json: { type: 'boolean' },
      markdown: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    // So that all faults are told, not the first one alone.
    strict: false,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${token.value}: every value stands behind its option`)
    if (token.kind !== 'option') continue
    const isSwitch = SWITCHES.some((name) => name === token.name)
    if (!isSwitch && !(token.name in NUMBERS)) faults.push(`${token.rawName}: there is no such option`)
    else if (isSwitch && token.value !== undefined) faults.push(`${token.rawName}: takes no value`)
    else if (!isSwitch && token.value === undefined) faults.push(`${token.rawName}: a value is missing`)
  }
  return values as Values // Only the options above, which are texts and switches, are looked up.
}

const readNumber = (name: Name, text: string | boolean | undefined, faults: string[]): number => {
  const { otherwise, least, most, isWhole } = NUMBERS[name]
  if (typeof text !== 'string') return otherwise
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value
  faults.push(`--${name} ${text}: must be a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`)
  return otherwise
}
