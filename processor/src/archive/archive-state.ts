import { ARCHIVE_WINDOW_MS } from '@votestream/schema/clickhouse-schema'
import type { ContestantIndex, EventNumber, VoterNumber } from '@votestream/schema/numbers'
import { createVotedSet } from '@votestream/schema/voted-set'
import type { Vote } from '@votestream/schema/votes'
import {
  type ArchiveEntry,
  type ArchivePosition,
  type DeadRow,
  type DecisionRow,
  deadRowsOf,
  decisionRowsOf,
  type LogRow,
  rowsOf,
  type WindowTotal,
} from './archive-rows.js'

/** What a batch of the log makes in ClickHouse. */
export interface ArchiveBatch {
  readonly rows: readonly LogRow[]
  readonly decisions: readonly DecisionRow[]
  readonly dead: readonly DeadRow[]
  /** The messages with something dead in them. */
  readonly deadMessages: readonly ArchiveEntry[]
  /** The windows that the batch touched, whole. Decisions are not in them: the views add what they change. */
  readonly windows: readonly WindowTotal[]
  /** Behind the batch. */
  readonly position: ArchivePosition
}

/**
 * What has to be known of one shard's log up to a sequence to say what the next entries are. It follows from
 * the log alone: however the log was cut into batches, the state after a sequence is the same.
 */
export interface ArchiveState {
  /** For an entry that was archived before. Not needed for the events that are closed. */
  restoreVoter(event: EventNumber, voter: VoterNumber): void
  restoreClosing(event: EventNumber): void
  /** For the totals of the latest window; those of older ones do not change any more. */
  restoreWindow(total: WindowTotal): void
  /** For the rows that are archived. */
  restoreRows(rows: number): void
  /** Moves on behind these entries, which follow directly on the ones before. */
  advance(entries: readonly ArchiveEntry[]): ArchiveBatch
}

interface OpenTotal extends WindowTotal {
  votes: number
}

export const createArchiveState = (shards: number): ArchiveState => {
  const voted = createVotedSet(shards)
  const closed = new Set<EventNumber>()
  // Time does not go back within a shard, so one window is open at a time. Should it seem to go back, the vote
  // is counted in the open one: the totals of a window that was left are gone from here.
  let minuteMs = 0
  let open = new Map<EventNumber, Map<ContestantIndex, OpenTotal>>()
  let rowsBefore = 0

  const moveTo = (startMs: number): void => {
    if (startMs <= minuteMs) return
    minuteMs = startMs
    open = new Map()
  }

  const openTotal = (event: EventNumber, contestant: ContestantIndex): OpenTotal => {
    const totals = open.get(event) ?? new Map<ContestantIndex, OpenTotal>()
    open.set(event, totals)
    const total = totals.get(contestant) ?? { event, contestant, minuteMs, votes: 0 }
    totals.set(contestant, total)
    return total
  }

  /** A voter's first entry counts, unless it is flagged or stands behind the event's closing. */
  const counts = ({ event, voter, flags }: Vote): boolean =>
    !closed.has(event) && voted.add(event, voter) && flags === 0

  const close = (event: EventNumber): void => {
    closed.add(event)
    // Whatever follows does not count, whoever it is from.
    voted.drop(event)
  }

  const apply = (row: LogRow, touched: Set<OpenTotal>): void => {
    if (row.kind === 'closing') close(row.closing.event)
    if (row.kind !== 'vote' || !counts(row.vote)) return
    const { event, contestant, ackedAtMs } = row.vote
    moveTo(ackedAtMs - (ackedAtMs % ARCHIVE_WINDOW_MS))
    const total = openTotal(event, contestant)
    total.votes += 1
    touched.add(total)
  }

  return {
    restoreVoter(event, voter) {
      if (!closed.has(event)) voted.add(event, voter)
    },
    restoreClosing: close,
    restoreWindow({ event, contestant, minuteMs: startMs, votes }) {
      moveTo(startMs)
      if (startMs === minuteMs) openTotal(event, contestant).votes = votes
    },
    restoreRows(count) {
      rowsBefore = count
    },
    advance(entries) {
      const rows = entries.flatMap(rowsOf)
      const decisions = entries.flatMap(decisionRowsOf)
      const touched = new Set<OpenTotal>()
      for (const row of rows) apply(row, touched)
      rowsBefore += rows.length + decisions.length
      return {
        rows,
        decisions,
        dead: entries.flatMap(deadRowsOf),
        deadMessages: entries.filter(({ message }) => message.dead.length > 0),
        // Copies: the totals go on while the batch may still be on its way.
        windows: [...touched].map((total) => ({ ...total })),
        position: { sequence: entries.at(-1)?.sequence ?? 0, rows: rowsBefore },
      }
    },
  }
}
