import { BenchFilesError, readBenchResults } from './bench-files.js'
import { capacityOf } from './capacity.js'
import { capacityDocument } from './document.js'
import { CAPACITY_USAGE, type CapacityCommand, parseCapacityCommand } from './options.js'
import { markdownReport, textReport } from './report.js'

/** What the command says on each stream, and how it ends. */
export interface CommandOutcome {
  readonly status: 0 | 2
  readonly stdout: string
  readonly stderr: string
}

/** @param read the text of a part's bench, undefined where there is none */
export const capacityCommand = (
  args: readonly string[],
  read: (part: string) => string | undefined,
): CommandOutcome => {
  let command: CapacityCommand | null
  try {
    command = parseCapacityCommand(args)
  } catch (error) {
    return refused(`${error instanceof Error ? error.message : error}\n\n${CAPACITY_USAGE}`)
  }
  if (command === null) return said(CAPACITY_USAGE)
  try {
    return said(answer(command, read))
  } catch (error) {
    if (!(error instanceof BenchFilesError)) throw error
    return refused(`There is nothing to work it out from:\n${error.message}`)
  }
}

const answer = ({ demand, format }: CapacityCommand, read: (part: string) => string | undefined): string => {
  const results = readBenchResults(read)
  const capacity = capacityOf(demand, results.figures)
  if (format === 'json') return JSON.stringify(capacityDocument(demand, results, capacity))
  return (format === 'markdown' ? markdownReport : textReport)({ demand, results, capacity })
}

const said = (stdout: string): CommandOutcome => ({ status: 0, stdout, stderr: '' })
const refused = (stderr: string): CommandOutcome => ({ status: 2, stdout: '', stderr })
