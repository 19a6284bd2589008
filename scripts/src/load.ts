// `npm run load`: votes at a steady rate to any address, viewers who watch them come, and service levels that are
// met or missed. See LOAD_USAGE.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { addressesOf } from './addresses.js'
import { table } from './bench/table.js'
import { readEnvironment } from './environment.js'
import { loadFigures, loadReport, verdictLines } from './load/load-report.js'
import { LOAD_USAGE, type LoadCommand, parseLoadCommand } from './load/options.js'
import { progressLine } from './load/progress.js'
import { runVoteLoad, type VoteLoadOutcome } from './load/vote-load.js'
import { parseVoters } from './load/voters.js'
import { reportPage } from './report/page.js'

const root = repositoryRoot()
const say = (line: string): void => console.error(line)

const run = async (command: LoadCommand): Promise<VoteLoadOutcome['status']> => {
  const { url = addressesOf(readEnvironment(root)).gatewayUrl, votersFile, latenessP99Ms } = command
  const voters = parseVoters(await (votersFile === '-' ? text(process.stdin) : readFile(votersFile, 'utf8')))
  const outcome = await runVoteLoad({
    ...command,
    url,
    voters,
    bounds: { latenessP99Ms },
    onSecond: (second) => say(progressLine(second)),
    say,
  })
  await write(command, url, outcome)
  return outcome.status
}

const write = async (command: LoadCommand, url: string, outcome: VoteLoadOutcome): Promise<void> => {
  const folder = command.out === undefined ? join(root, '.data', 'load') : resolve(command.out)
  const { pace, processes, connections, graphqlShare, viewers } = command
  const options = { url, ...pace, processes, connections, graphqlShare, viewers }
  const [cpu] = cpus()
  const machine = { cores: cpus().length, cpu: cpu?.model, node: process.version }
  const at = new Date().toISOString()
  const figures = loadFigures(outcome)
  const described = Object.entries(options)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
  const about = `${at}, ${machine.cores} cores (${machine.cpu}), Node ${machine.node}; ${described}`
  const report = loadReport(outcome)
  await mkdir(folder, { recursive: true })
  const json = `${JSON.stringify({ at, machine, options, ...figures }, undefined, 2)}\n`
  await writeFile(join(folder, 'report.json'), json)
  await writeFile(join(folder, 'report.html'), await reportPage({ title: 'Load', about, ...report }))
  for (const { title, rows } of report.tables.slice(1)) console.log(`\n${title}\n\n${table(rows, 0)}`)
  console.log(`\n${verdictLines(outcome).join('\n')}\n\nWritten to ${join(folder, 'report')}.json and .html.`)
}

try {
  const command = parseLoadCommand(process.argv.slice(2))
  if (command) process.exitCode = await run(command)
  else console.log(LOAD_USAGE)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
