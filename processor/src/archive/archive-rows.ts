import type { DeadEntry, ReadMessage } from '@votestream/schema/log-entries'
import type { ContestantIndex, EventNumber } from '@votestream/schema/numbers'
import type { Closing, Decision, LogMessage, Vote } from '@votestream/schema/votes'

/** A message of the log, as it was read. */
export interface ArchiveEntry {
  readonly sequence: number
  readonly message: ReadMessage
  /** The message itself: with something dead in it, it is put aside. */
  readonly data: Uint8Array
  /** When the broker stored it, milliseconds since 1970. */
  readonly storedAtMs: number
}

/** A row of `votes_log`: an entry of the log, and where it stands. */
export type LogRow = { readonly sequence: number; readonly position: number } & (
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'closing'; readonly closing: Closing }
  | { readonly kind: 'takeover'; readonly storedAtMs: number }
)

/** A row of `decisions_log`. */
export interface DecisionRow {
  readonly sequence: number
  readonly position: number
  readonly decision: Decision
}

/** A row of `dead_entries`. */
export interface DeadRow {
  readonly sequence: number
  readonly position: number
  readonly dead: DeadEntry
  readonly storedAtMs: number
}

/** A row of `window_tallies`: all the votes that count in this window, as of the batch's last sequence. */
export interface WindowTotal {
  readonly event: EventNumber
  readonly contestant: ContestantIndex
  readonly minuteMs: number
  readonly votes: number
}

/** How far the archive of a log is. */
export interface ArchivePosition {
  /** Everything up to this message is archived; 0 when nothing is. */
  readonly sequence: number
  /** How many rows `votes_log` and `decisions_log` have of it; 0 also when nobody counted them. */
  readonly rows: number
}

/** Rows of `votes_log` that a message makes. */
const entryCount = ({ votes, closings, takeover }: LogMessage): number =>
  votes.length + closings.length + (takeover ? 1 : 0)

/** At least one, so that an empty message weighs something while it waits. */
export const rowCount = (message: ReadMessage): number =>
  Math.max(1, entryCount(message) + message.decisions.length + message.dead.length)

/** The rows of a message, always the same ones: votes, then closings, then the takeover. */
export const rowsOf = ({ sequence, message, storedAtMs }: ArchiveEntry): LogRow[] => {
  const { votes, closings, takeover } = message
  const rows: LogRow[] = votes.map((vote, position) => ({ sequence, position, kind: 'vote', vote }))
  for (const closing of closings) rows.push({ sequence, position: rows.length, kind: 'closing', closing })
  if (takeover) rows.push({ sequence, position: rows.length, kind: 'takeover', storedAtMs })
  return rows
}

/** The decisions of a message: they stand behind everything else in it. */
export const decisionRowsOf = ({ sequence, message }: ArchiveEntry): DecisionRow[] => {
  const first = entryCount(message)
  return message.decisions.map((decision, index) => ({ sequence, position: first + index, decision }))
}

export const deadRowsOf = ({ sequence, message, storedAtMs }: ArchiveEntry): DeadRow[] =>
  message.dead.map((dead, position) => ({ sequence, position, dead, storedAtMs }))

/** `votes_log.acked_at` of a row, milliseconds since 1970. */
export const rowTimeMs = (row: LogRow): number => {
  switch (row.kind) {
    case 'vote':
      return row.vote.ackedAtMs
    case 'closing':
      return row.closing.closedAtMs
    case 'takeover':
      return row.storedAtMs
  }
}

/** The table's partition of a time, as ClickHouse names it: 202611. */
export const monthOf = (atMs: number): number => {
  const at = new Date(atMs)
  return at.getUTCFullYear() * 100 + at.getUTCMonth() + 1
}

/**
 * Rows in their order, cut where the table's partition (the month, in UTC) changes: only an insert into one
 * partition is there as a whole or not at all.
 */
export const partitionRuns = (rows: readonly LogRow[]): LogRow[][] => {
  const runs: LogRow[][] = []
  let run: LogRow[] = []
  let monthStartMs = 0
  let monthEndMs = 0
  for (const row of rows) {
    const atMs = rowTimeMs(row)
    if (run.length === 0 || atMs < monthStartMs || atMs >= monthEndMs) {
      const at = new Date(atMs)
      monthStartMs = Date.UTC(at.getUTCFullYear(), at.getUTCMonth())
      monthEndMs = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1)
      run = []
      runs.push(run)
    }
    run.push(row)
  }
  return runs
}
