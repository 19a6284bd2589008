import type { SampledVote } from '../log-traces.js'
import {
  type ArchiveEntry,
  type ArchivePosition,
  type DeadRow,
  type DecisionRow,
  type LogRow,
  monthOf,
  partitionRuns,
  rowTimeMs,
  type WindowTotal,
} from './archive-rows.js'
import type { ArchiveBatch } from './archive-state.js'
import { encodeLogRows, type RowSource } from './row-binary.js'
import { type RowKey, voteKeyOf } from './witnesses.js'

/**
 * What a stretch of the log makes in ClickHouse, with its rows as they are sent. A batch waits for the one before it,
 * and tens of thousands of votes that wait as objects cost more than everything else that is done with them.
 */
export interface PackedBatch extends Omit<ArchiveBatch, 'rows'> {
  readonly runs: readonly PackedRun[]
  /** What it weighs while it waits; at least 1. */
  readonly rows: number
  /** When the broker stored its last message, milliseconds since 1970. */
  readonly storedAtMs: number
  /** The first of those whose story is told on. */
  readonly sampled?: readonly SampledVote[]
}

/** Rows of `votes_log` in the order of the log, of one partition. */
export interface PackedRun {
  /** Of their time, as ClickHouse names it: 202611. */
  readonly month: number
  readonly bytes: readonly Buffer[]
  /** The first and the last vote among them. */
  readonly votes: { readonly first: RowKey; readonly last: RowKey } | undefined
}

/** @param weight rows that the stretch makes, or 1. */
export const packBatch = (
  { rows, ...rest }: ArchiveBatch,
  source: RowSource,
  { rows: weight, storedAtMs, sampled = [] }: Pick<PackedBatch, 'rows' | 'storedAtMs' | 'sampled'>,
): PackedBatch => ({
  ...rest,
  ...(sampled.length > 0 ? { sampled } : {}),
  runs: partitionRuns(rows).map((run) => packRun(run, source)),
  rows: weight,
  storedAtMs,
})

const packRun = (run: readonly LogRow[], source: RowSource): PackedRun => {
  const first = run.find(({ kind }) => kind === 'vote')
  const last = run.findLast(({ kind }) => kind === 'vote')
  return {
    month: monthOf(rowTimeMs(run[0] as LogRow)),
    // A copy of the right size: it waits, and what was taken for its writing is larger.
    bytes: [Buffer.from(encodeLogRows(source, run))],
    votes: first && last ? { first: voteKeyOf(first), last: voteKeyOf(last) } : undefined,
  }
}

/** Stretches that follow on each other, as one; at least one. */
export const joinBatches = (batches: readonly PackedBatch[]): PackedBatch => {
  const last = batches.at(-1)
  if (!last) throw new Error('there is no batch to join')
  const windows = new Map<string, WindowTotal>()
  // What a later stretch says of a window holds what an earlier one said.
  for (const batch of batches) {
    for (const window of batch.windows) {
      windows.set(`${window.event}/${window.contestant}/${window.minuteMs}`, window)
    }
  }
  return {
    runs: joinRuns(batches.flatMap(({ runs }) => runs)),
    decisions: batches.flatMap(({ decisions }): readonly DecisionRow[] => decisions),
    dead: batches.flatMap(({ dead }): readonly DeadRow[] => dead),
    deadMessages: batches.flatMap(({ deadMessages }): readonly ArchiveEntry[] => deadMessages),
    windows: [...windows.values()],
    position: last.position satisfies ArchivePosition,
    rows: batches.reduce((sum, { rows }) => sum + rows, 0),
    storedAtMs: last.storedAtMs,
    sampled: batches.flatMap(({ sampled = [] }) => sampled).slice(0, SAMPLED_MAX),
  }
}

/** Votes of a batch whose story is told on; a batch may hold tens of thousands. */
const SAMPLED_MAX = 128

/** Neighbours of one partition become one run. */
const joinRuns = (runs: readonly PackedRun[]): PackedRun[] => {
  const joined: { month: number; bytes: Buffer[]; votes: PackedRun['votes'] }[] = []
  for (const { month, bytes, votes } of runs) {
    const before = joined.at(-1)
    if (before?.month !== month) {
      joined.push({ month, bytes: [...bytes], votes })
      continue
    }
    before.bytes.push(...bytes)
    if (votes) before.votes = { first: before.votes?.first ?? votes.first, last: votes.last }
  }
  return joined
}
