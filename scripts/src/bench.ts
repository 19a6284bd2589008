// `npm run bench -- PART`: what it costs to show boards to everybody.

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { eventsRows, measureEvents } from './bench/events.js'
import { measureFanout } from './bench/fanout/fanout.js'
import { fanoutRows } from './bench/fanout/rows.js'
import { measureSockets, socketsRows } from './bench/sockets.js'
import { table } from './bench/table.js'

const USAGE = `npm run bench -- fanout    CPU, memory and latency of showing one board to many viewers, beside the least that
                           it can cost and beside what others need for it
  --viewers LIST     how many, one run for each (1000,5000,10000)
  --rounds N         of each, one server after the other; the medians count (3)
  --seconds N        how long each is measured (5)
  --rate N           boards a second (5)
  --only NAME        this server alone; may be repeated
  --stopped N        viewers besides these who do not read (0)
  --workers N        processes of Votestream's gateway (1)
  --pin              gives each process that has viewers a core of its own, with taskset
  --votes N          votes a second through the whole of Votestream, which then makes the boards (0)

npm run bench -- sockets   memory of sockets that are there, and of those that are gone
  --viewers N        at once (20000)
  --connects N       one after the other (100000)

npm run bench -- events    two gateways, many events, a few of them watched
  --events N         open (1000)
  --watched N        of them (100)
  --seconds N        how long each is measured (5)

Figures are written to .data/bench/PART.json.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    viewers: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true, default: [] },
    stopped: { type: 'string', default: '0' },
    workers: { type: 'string', default: '1' },
    votes: { type: 'string', default: '0' },
    pin: { type: 'boolean', default: false },
    connects: { type: 'string', default: '100000' },
    events: { type: 'string', default: '1000' },
    watched: { type: 'string', default: '100' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const whole = (name: string, text: string, min = 1): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= min) return value
  console.error(`--${name} ${text}: must be a whole number from ${min} on`)
  process.exit(2)
}
const say = (text: string): void => console.error(`  ${text}`)

interface Outcome {
  readonly options: object
  readonly figures: unknown
  readonly text: string
  readonly isGood: boolean
}

const fanout = async (): Promise<Outcome> => {
  const options = {
    viewers: (values.viewers ?? '1000,5000,10000').split(',').map((text) => whole('viewers', text)),
    rounds: whole('rounds', values.rounds),
    seconds: whole('seconds', values.seconds),
    boardsPerSecond: whole('rate', values.rate),
    only: values.only,
    stopped: whole('stopped', values.stopped, 0),
    workers: whole('workers', values.workers),
    votesPerSecond: whole('votes', values.votes, 0),
    pin: values.pin,
  }
  const figures = await measureFanout({ ...options, say })
  const isGood = figures.every(({ faults }) => faults === 0)
  return { options, figures, text: table(fanoutRows(figures), 0), isGood }
}

const sockets = async (): Promise<Outcome> => {
  const options = {
    viewers: whole('viewers', values.viewers ?? '20000'),
    connects: whole('connects', values.connects),
  }
  const figures = await measureSockets({ ...options, say })
  return { options, figures, text: table(socketsRows(figures), 0), isGood: true }
}

const events = async (): Promise<Outcome> => {
  const options = {
    events: whole('events', values.events),
    watched: whole('watched', values.watched),
    viewersPerEvent: 10,
    seconds: whole('seconds', values.seconds),
  }
  const figures = await measureEvents({ ...options, say })
  return { options, figures, text: table(eventsRows(figures), 0), isGood: true }
}

const PARTS: Readonly<Record<string, () => Promise<Outcome>>> = { fanout, sockets, events }
const [name = '', ...more] = positionals
const part = PARTS[name]
if (values.help || !part || more.length > 0) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}
const { options, figures, text, isGood } = await part()
console.log(`\n${text}\n`)
const folder = join(repositoryRoot(), '.data', 'bench')
mkdirSync(folder, { recursive: true })
const file = join(folder, `${name}.json`)
const [cpu] = cpus()
const machine = { cores: cpus().length, cpu: cpu?.model, node: process.version }
const record = { at: new Date().toISOString(), machine, options, figures }
writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`)
console.log(`Written to ${file}.`)
process.exit(isGood ? 0 : 1)
