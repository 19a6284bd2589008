import { z } from 'zod'
import {
  archiveFigures,
  commitFigures,
  type Dated,
  fanoutFigures,
  memoryFigures,
  socketsFigures,
  tallyFigures,
  votesFigures,
} from './bench-rows.js'
import type { Figure, Figures } from './figures.js'

/** Where and when a part was measured. */
export interface Measurement {
  readonly part: string
  readonly at: string
  /** `2 cores (AMD EPYC), Node v20.20.2` */
  readonly machine: string
}

export interface BenchResults {
  readonly figures: Figures
  readonly measurements: readonly Measurement[]
}

/** Names every fault at once, with the command that measures anew what is missing. */
export class BenchFilesError extends Error {}

const record = z.object({
  at: z.iso.datetime(),
  machine: z.object({ cores: z.number(), cpu: z.string().optional(), node: z.string() }),
})

/**
 * The figures of the last benches.
 * @param read the text of a part's file, undefined where there is none; other errors are told as faults
 * @throws BenchFilesError when a part is missing, cannot be read, was written by another version, or found faults.
 */
export const readBenchResults = (read: (part: string) => string | undefined): BenchResults => {
  const faults: string[] = []
  const measurements: Measurement[] = []
  const take = <Parsed extends object>(part: string, figuresIn: (json: unknown, dated: Dated) => Parsed) => {
    try {
      return parsePart(part, read(part), figuresIn, measurements)
    } catch (error) {
      faults.push(...faultsOf(part, error))
      return undefined
    }
  }
  const votes = take('votes', votesFigures)
  const commit = take('commit', commitFigures)
  const tally = take('tally', tallyFigures)
  const archive = take('archive', archiveFigures)
  const fanout = take('fanout', fanoutFigures)
  const sockets = take('sockets', socketsFigures)
  // The one part that nothing else rests on: without it its lines say that they were not measured.
  const memory = isThere(read, 'memory') ? take('memory', memoryFigures) : undefined
  if (faults.length > 0 || !votes || !commit || !tally || !archive || !fanout || !sockets) {
    throw new BenchFilesError(faults.join('\n'))
  }
  const figures = { ...votes, ...commit, ...tally, ...archive, ...fanout, ...sockets, memory }
  return { figures, measurements }
}

/** A file that is there and cannot be read is a fault of its own, told when it is read again. */
const isThere = (read: (part: string) => string | undefined, part: string): boolean => {
  try {
    return read(part) !== undefined
  } catch {
    return true
  }
}

/** A sentence that stands as it is. */
class PartFault extends Error {}

const parsePart = <Parsed>(
  part: string,
  text: string | undefined,
  figuresIn: (json: unknown, dated: Dated) => Parsed,
  measurements: Measurement[],
): Parsed => {
  if (text === undefined) throw new PartFault('has not been measured on this machine')
  const json: unknown = JSON.parse(text)
  const { at, machine } = record.parse(json)
  const figure = (name: string, value: number, unit: string, row = ''): Figure => {
    if (!(value > 0))
      throw new PartFault(`${name}${row === '' ? '' : ` (${row})`} is ${value}: must be above 0`)
    return { name, value, unit, part, at, row }
  }
  const fault = (sentence: string): Error => new PartFault(sentence)
  const parsed = figuresIn(json, { figure, fault })
  const cpu = machine.cpu === undefined ? '' : ` (${machine.cpu})`
  measurements.push({ part, at, machine: `${machine.cores} cores${cpu}, Node ${machine.node}` })
  return parsed
}

const faultsOf = (part: string, error: unknown): string[] => {
  const remedy = `run: npm run bench -- ${part}`
  const told = (sentence: string): string => `.data/bench/${part}.json: ${sentence}; ${remedy}`
  if (error instanceof PartFault) return [told(error.message)]
  if (error instanceof SyntaxError) return [told(`is not JSON (${error.message})`)]
  if (error instanceof z.ZodError) {
    return error.issues.map(({ path, message }) =>
      told(`${path.join('.')}: ${message} (was it written by another version?)`),
    )
  }
  return [told(`cannot be read (${error instanceof Error ? error.message : error})`)]
}
