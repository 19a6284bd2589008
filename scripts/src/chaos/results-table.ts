import type { FaultRow } from './results.js'
import type { Level } from './service-levels.js'

const HEADINGS = [
  'fault',
  'runs',
  'lost',
  'doubled',
  'stuck',
  'late',
  'other',
  'worst recovery',
  'boards again',
  'worst p99',
  'acknowledged',
  'shown',
]

const ms = (value: number | undefined): string =>
  value === undefined ? '-' : value === Number.POSITIVE_INFINITY ? 'never' : `${Math.round(value)} ms`

const cellsOf = (rows: readonly FaultRow[]): string[][] =>
  rows.map((row) => [
    row.fault,
    ...[row.runs, row.lost, row.doubled, row.stuck, row.late, row.other].map(String),
    ms(row.recoveryMsMax),
    ms(row.boardsMsMax),
    ms(row.p99MsMax),
    ms(row.acknowledgedMs),
    ms(row.shownMs),
  ])

/** For a terminal. */
export const resultsTable = (rows: readonly FaultRow[]): string => {
  const lines = [HEADINGS, ...cellsOf(rows)]
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return lines.map((line) => line.map(pad).join('  ')).join('\n')
}

/** The same for a page. */
export const resultsMarkdown = (rows: readonly FaultRow[]): string => {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = HEADINGS.map((_, column) => (column === 0 ? '---' : '---:'))
  return [HEADINGS, rule, ...cellsOf(rows)].map(row).join('\n')
}

/** What was judged against, and why. */
export const levelWords = (name: string, { targetMs, quietMs, boundMs }: Level): string =>
  `${name}: level ${targetMs} ms at p99; quiet ${ms(quietMs)} here; judged against ${ms(boundMs)} where no failover excuses it.`
