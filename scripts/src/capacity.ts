import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { BenchFilesError, readBenchResults } from './capacity/bench-files.js'
import { capacityOf } from './capacity/capacity.js'
import { capacityDocument } from './capacity/document.js'
import { CAPACITY_USAGE, type CapacityCommand, parseCapacityCommand } from './capacity/options.js'
import { markdownReport, textReport } from './capacity/report.js'

/** `npm run capacity`: what a rate and an audience take, worked out from the last benches. See CAPACITY_USAGE. */

const folder = join(repositoryRoot(), '.data', 'bench')

const readPart = (part: string): string | undefined => {
  try {
    return readFileSync(join(folder, `${part}.json`), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

const run = ({ demand, format }: CapacityCommand): void => {
  const results = readBenchResults(readPart)
  const capacity = capacityOf(demand, results.figures)
  const reported = { demand, results, capacity }
  if (format === 'json') console.log(JSON.stringify(capacityDocument(demand, results, capacity)))
  else console.log(format === 'markdown' ? markdownReport(reported) : textReport(reported))
}

const refuse = (text: string): void => {
  console.error(text)
  process.exitCode = 2
}

let command: CapacityCommand | null | undefined
try {
  command = parseCapacityCommand(process.argv.slice(2))
} catch (error) {
  refuse(`${error instanceof Error ? error.message : error}\n\n${CAPACITY_USAGE}`)
}
if (command === null) console.log(CAPACITY_USAGE)
else if (command) {
  try {
    run(command)
  } catch (error) {
    if (!(error instanceof BenchFilesError)) throw error
    refuse(`There is nothing to work with:\n${error.message}`)
  }
}
