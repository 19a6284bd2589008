// `npm run bench -- fanout`: what it costs to show a board to everybody, beside the least that it can cost and beside
// what others need for it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { measureFanout } from './bench/fanout/fanout.js'
import { fanoutTable } from './bench/fanout/table.js'

const USAGE = `npm run bench -- fanout   CPU, memory and latency of showing one board to many viewers

  --viewers LIST     how many, one run for each (1000,5000,10000)
  --rounds N         of each, one server after the other; the medians count (3)
  --seconds N        how long each is measured (5)
  --rate N           boards a second (5)
  --only NAME        this server alone; may be repeated`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    viewers: { type: 'string', default: '1000,5000,10000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help || positionals.join() !== 'fanout') {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}
const whole = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  console.error(`--${name} ${text}: must be a whole number above 0`)
  process.exit(2)
}
const options = {
  viewers: values.viewers.split(',').map((text) => whole('viewers', text)),
  rounds: whole('rounds', values.rounds),
  seconds: whole('seconds', values.seconds),
  boardsPerSecond: whole('rate', values.rate),
  only: values.only,
}
const figures = await measureFanout({ ...options, say: (text) => console.error(`  ${text}`) })
console.log(`\n${fanoutTable(figures)}\n`)
const folder = join(repositoryRoot(), '.data', 'bench')
mkdirSync(folder, { recursive: true })
const file = join(folder, 'fanout.json')
const [cpu] = cpus()
const machine = { cores: cpus().length, cpu: cpu?.model, node: process.version }
writeFileSync(
  file,
  `${JSON.stringify({ at: new Date().toISOString(), machine, options, figures }, undefined, 2)}\n`,
)
console.log(`Written to ${file}.`)
process.exit(figures.every(({ faults }) => faults === 0) ? 0 : 1)
