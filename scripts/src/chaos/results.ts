import type { Column, Violation } from './judgement.js'
import type { AttemptRecord } from './ledger.js'
import type { DoneFault, Recovery } from './recovery.js'
import type { Level } from './service-levels.js'

/** One fault over all its runs. */
export interface FaultRow extends Record<Column, number> {
  readonly fault: string
  readonly runs: number
  /** Until votes were acknowledged in every shard, and until boards moved. Undefined: not in its time. */
  readonly recoveryMsMax: number | undefined
  readonly boardsMsMax: number | undefined
  /** Of votes first sent between the fault and the next one, until their answer, repeats and waits included. */
  readonly p99MsMax: number | undefined
  /** p99 of what nothing excuses. Undefined: it is excused, or too little was seen. */
  readonly acknowledgedMs: number | undefined
  readonly shownMs: number | undefined
}

export interface Results {
  readonly recoveries: readonly Recovery[]
  readonly attempts: readonly AttemptRecord[]
  readonly violations: readonly Violation[]
  readonly acknowledged: Level
  readonly shown: Level
}

/** What happened between the faults, or before the first. */
const NO_FAULT = '(no fault)'

export const resultsOf = ({ recoveries, attempts, violations, acknowledged, shown }: Results): FaultRow[] => {
  const done = recoveries.map(({ fault }) => fault)
  const names = [...new Set(done.map(({ name }) => name))].sort()
  const faultOf = ({ fault, atMs }: Violation): string =>
    fault ?? done.findLast((one) => atMs !== undefined && one.atMs <= atMs)?.name ?? NO_FAULT
  const counts = (name: string): Record<Column, number> => {
    const count = (column: Column) =>
      violations.filter((violation) => violation.column === column && faultOf(violation) === name).length
    return {
      lost: count('lost'),
      doubled: count('doubled'),
      stuck: count('stuck'),
      late: count('late'),
      other: count('other'),
    }
  }
  const before = { atMs: 0, untilMs: done[0]?.atMs ?? Number.POSITIVE_INFINITY }
  return [
    {
      fault: NO_FAULT,
      runs: 0,
      ...counts(NO_FAULT),
      recoveryMsMax: undefined,
      boardsMsMax: undefined,
      p99MsMax: p99Ms(before, attempts),
      acknowledgedMs: acknowledged.quietMs,
      shownMs: shown.quietMs,
    },
    ...names.map((name): FaultRow => {
      const own = recoveries.filter(({ fault }) => fault.name === name)
      return {
        fault: name,
        runs: own.length,
        ...counts(name),
        recoveryMsMax: most(own.map((recovery) => recovery.acknowledged.tookMs)),
        boardsMsMax: most(own.map((recovery) => recovery.shown.tookMs)),
        p99MsMax: most(own.map(({ fault }) => p99Ms(fault, attempts))),
        acknowledgedMs: acknowledged.byFault.get(name),
        shownMs: shown.byFault.get(name),
      }
    }),
  ]
}

const p99Ms = (
  span: Pick<DoneFault, 'atMs' | 'untilMs'>,
  attempts: readonly AttemptRecord[],
): number | undefined => {
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
