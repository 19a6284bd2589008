import type { Column, Violation } from './judgement.js'
import type { AttemptRecord } from './ledger.js'

/** A fault that was done, and when the next one came. */
export interface DoneFault {
  readonly name: string
  readonly atMs: number
  readonly untilMs: number
}

/** One fault over all its runs. */
export interface FaultRow extends Record<Column, number> {
  readonly fault: string
  readonly runs: number
  /** From the fault until a vote sent after it was acknowledged in every shard. Undefined: not in its time. */
  readonly recoveryMsMax: number | undefined
  /** Of votes first sent between the fault and the next one, until their answer, repeats and waits included. */
  readonly p99MsMax: number | undefined
}

/** What happened between the faults, or before the first. */
const NO_FAULT = '(no fault)'

export const resultsOf = (
  done: readonly DoneFault[],
  attempts: readonly AttemptRecord[],
  violations: readonly Violation[],
  shards: number,
): FaultRow[] => {
  const names = [...new Set(done.map(({ name }) => name))].sort()
  const faultAt = (atMs: number | undefined): string =>
    done.findLast((fault) => atMs !== undefined && fault.atMs <= atMs)?.name ?? NO_FAULT
  return [NO_FAULT, ...names].map((name) => {
    const own = done.filter((fault) => fault.name === name)
    const first = done[0]?.atMs ?? Number.POSITIVE_INFINITY
    const spans = name === NO_FAULT ? [{ name, atMs: 0, untilMs: first }] : own
    const count = (column: Column) =>
      violations.filter((violation) => violation.column === column && faultAt(violation.atMs) === name).length
    return {
      fault: name,
      runs: own.length,
      lost: count('lost'),
      doubled: count('doubled'),
      stuck: count('stuck'),
      other: count('other'),
      recoveryMsMax: most(own.map((fault) => recoveryMs(fault, attempts, shards))),
      p99MsMax: most(spans.map((span) => p99Ms(span, attempts))),
    }
  })
}

const recoveryMs = (
  fault: DoneFault,
  attempts: readonly AttemptRecord[],
  shards: number,
): number | undefined => {
  const first = new Array<number>(shards).fill(Number.POSITIVE_INFINITY)
  for (const { attempt, final } of attempts) {
    if (attempt.atMs < fault.atMs || attempt.atMs >= fault.untilMs || final?.status !== 200) continue
    const shard = attempt.voter % shards
    first[shard] = Math.min(first[shard] ?? 0, final.atMs)
  }
  const last = Math.max(...first)
  return Number.isFinite(last) ? last - fault.atMs : undefined
}

const p99Ms = (span: DoneFault, attempts: readonly AttemptRecord[]): number | undefined => {
  const latencies = attempts
    .filter(({ attempt }) => attempt.atMs >= span.atMs && attempt.atMs < span.untilMs)
    .flatMap(({ attempt, final }) => (final ? [final.atMs - attempt.atMs] : []))
    .sort((a, b) => a - b)
  return latencies[Math.ceil(latencies.length * 0.99) - 1]
}

const most = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

const HEADINGS = ['fault', 'runs', 'lost', 'doubled', 'stuck', 'other', 'worst recovery', 'worst p99']

export const resultsTable = (rows: readonly FaultRow[]): string => {
  const ms = (value: number | undefined) => (value === undefined ? '-' : `${Math.round(value)} ms`)
  const cells = rows.map((row) => [
    row.fault,
    ...[row.runs, row.lost, row.doubled, row.stuck, row.other].map(String),
    ms(row.recoveryMsMax),
    ms(row.p99MsMax),
  ])
  const lines = [HEADINGS, ...cells]
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n')
}
