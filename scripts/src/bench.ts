// `npm run bench`: what everything costs on this machine. `npm run bench -- PART` measures one part.

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { Outcome, Part, PartOption, PartValue } from './bench/part.js'
import { PARTS } from './bench/parts.js'
import { table } from './bench/table.js'
import { RAISED_LIMITS, raisedLimitsText } from './environment.js'
import { reportPage } from './report/page.js'

const folder = join(repositoryRoot(), '.data', 'bench')
const say = (text: string): void => console.error(`  ${text}`)

const usage = (): string => {
  const lines = PARTS.map(({ name, about, options }) => {
    const each = Object.entries(options).map(([option, { hint, about: what, default: value }]) => {
      const shown = value === false || value === '' ? '' : ` (${value})`
      return `  ${`--${option} ${hint ?? ''}`.padEnd(18)} ${what}${shown}`
    })
    return [`npm run bench -- ${name}: ${about}`, ...each].join('\n')
  })
  const all = 'npm run bench: every part, one after the other, as its defaults have it'
  const files =
    'Figures are written to .data/bench/PART.json, and a page with charts to .data/bench/PART.html.'
  return [all, ...lines, files].join('\n\n')
}

const refuse = (text: string): never => {
  console.error(`${text}\n\n${usage()}`)
  process.exit(2)
}

const read = (name: string, { default: value, min = 1 }: PartOption, given: string | boolean): PartValue => {
  const whole = (text: string | boolean): number => {
    const number = Number(text)
    if (Number.isInteger(number) && number >= min) return number
    return refuse(`--${name} ${text}: must be a whole number from ${min} on`)
  }
  if (Array.isArray(value)) return String(given).split(',').map(whole)
  return typeof value === 'number' ? whole(given) : given
}

/** @param args behind the part's name. */
const readOptions = ({ options }: Part, args: string[]): Record<string, PartValue> => {
  const wanted = Object.fromEntries(
    Object.entries(options).map(([name, option]) => {
      const isSwitch = typeof option.default === 'boolean'
      return [name, { type: isSwitch ? 'boolean' : 'string' } as const]
    }),
  )
  try {
    const { values } = parseArgs({ args, options: wanted })
    return Object.fromEntries(
      Object.entries(options).map(([name, option]) => {
        const given = values[name]
        return [name, given === undefined ? option.default : read(name, option, given)]
      }),
    )
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const run = async (part: Part, args: string[]): Promise<Outcome> => {
  const options = readOptions(part, args)
  say(raisedLimitsText())
  const outcome = await part.measure(options, say)
  for (const { title, rows } of outcome.tables) console.log(`\n${title}\n\n${table(rows, 0)}`)
  const [cpu] = cpus()
  const machine = { cores: cpus().length, cpu: cpu?.model, node: process.version }
  const record = {
    at: new Date().toISOString(),
    machine,
    options,
    limits: RAISED_LIMITS,
    figures: outcome.figures,
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${part.name}.json`), `${JSON.stringify(record, undefined, 2)}\n`)
  const about = `${record.at}, ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${JSON.stringify(options)}`
  writeFileSync(
    join(folder, `${part.name}.html`),
    await reportPage({ title: `Bench: ${part.name}`, about, ...outcome }),
  )
  console.log(`\nWritten to ${join(folder, part.name)}.json and .html.`)
  return outcome
}

// An exit takes along the servers that were started; a signal alone would leave them behind.
process.once('SIGTERM', () => process.exit(143))
process.once('SIGINT', () => process.exit(130))

const [name, ...args] = process.argv.slice(2)
if (name === '--help' || name === '-h' || args.includes('--help')) {
  console.log(usage())
  process.exit(0)
}
const parts = name === undefined ? PARTS : PARTS.filter((part) => part.name === name)
if (parts.length === 0) refuse(`${name}: no such part`)
let isGood = true
for (const part of parts) {
  const outcome = await run(part, args)
  isGood = isGood && outcome.isGood
}
process.exit(isGood ? 0 : 1)
