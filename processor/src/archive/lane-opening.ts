import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { type LogPosition, logPosition } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import type { Shard } from '@votestream/schema/numbers'
import { type ArchiveTables, openArchiveTables } from './archive-tables.js'
import type { Witnesses } from './witnesses.js'

export interface OpenLane {
  /** Of the log that it is of. */
  readonly generation: string
  /** The log is archived up to here. */
  readonly checkpoint: number
  /** As many rows are there. */
  readonly rows: number
  /** When ClickHouse was started, milliseconds on the monotonic clock; to a second. */
  readonly startedAtMs: number
  readonly tables: ArchiveTables
}

interface OpeningOptions {
  readonly nats: Nats
  readonly clickhouse: ClickHouseClient
  readonly shards: number
  readonly shard: Shard
  readonly database?: string
  readonly signal: AbortSignal
}

/** What ClickHouse lacks is not in the log any more: going on would leave a hole that nothing shows. */
export class LogTooShortError extends Error {
  override readonly name = 'LogTooShortError'
}

/**
 * Where the archive of a shard goes on.
 * @throws RowsLostError, or LogTooShortError, when ClickHouse lacks rows up to where it is; Error when it holds what
 * the log does not.
 */
export const openLane = async (options: OpeningOptions): Promise<OpenLane> => {
  const { nats, shard } = options
  const { generation } = await logPosition(nats, shard)
  const tables = openArchiveTables({ ...options, generation })
  const checkpoint = await tables.checkpoint()
  // Asked after ClickHouse: what another instance archived in between is not beyond the log.
  const log = await logPosition(nats, shard)
  const { firstSequence, lastSequence } = log
  if (checkpoint > lastSequence) {
    throw new Error(`shard ${shard}: ClickHouse is at ${checkpoint}, the log ends at ${lastSequence}`)
  }
  if (checkpoint + 1 < firstSequence) {
    throw new LogTooShortError(
      `shard ${shard}: ClickHouse is at ${checkpoint}, the log begins at ${firstSequence}: what is between ` +
        'them has to be brought back from a backup of ClickHouse',
    )
  }
  // A part of a table that cannot be read any more is left out by ClickHouse when it starts: old rows of any place.
  const { said, found, uptimeSeconds } = await tables.countRows(checkpoint)
  if (found < said) {
    throw rowsLost(`shard ${shard}: ClickHouse has ${found} rows of ${said} that were written`, log, tables)
  }
  return { generation, checkpoint, rows: found, startedAtMs: startOf(uptimeSeconds), tables }
}

/** What was known of ClickHouse or of the log is not so any more. The lane is begun again. */
export class LaneMovedError extends Error {
  override readonly name: string = 'LaneMovedError'
}

/** Rows are gone, and the checkpoint says that they are there: it has to be forgotten first. */
export class RowsLostError extends LaneMovedError {
  override readonly name = 'RowsLostError'

  constructor(
    message: string,
    readonly tables: ArchiveTables,
  ) {
    super(message)
  }
}

interface Whereabouts extends Pick<OpenLane, 'generation' | 'tables'> {
  readonly nats: Nats
  readonly shard: Shard
  /** Where ClickHouse may be: where the lane left it, or where a write whose answer was lost would have left it. */
  readonly expected: () => readonly number[]
}

/**
 * @throws LaneMovedError when the log was made anew, or when ClickHouse is elsewhere: it lost what it held, or
 * another writer went on.
 */
export const refuseMoved = async (whereabouts: Whereabouts): Promise<void> => {
  const before = whereabouts.expected()
  const [log, checkpoint] = await Promise.all([
    logPosition(whereabouts.nats, whereabouts.shard),
    whereabouts.tables.checkpoint(),
  ])
  refuseElsewhere(whereabouts, before, log, checkpoint)
}

/**
 * What refuseMoved does, and looks for rows that are known to be there.
 * @throws LaneMovedError also when ClickHouse was started anew since its rows were counted; RowsLostError, or
 * LogTooShortError when it lost rows that the log does not hold any more.
 */
export const refuseLost = async (
  whereabouts: Whereabouts & Pick<OpenLane, 'startedAtMs'> & { readonly witnesses: Witnesses },
): Promise<void> => {
  const { nats, shard, tables, witnesses, startedAtMs } = whereabouts
  const before = whereabouts.expected()
  const [log, { checkpoint, lost, uptimeSeconds }] = await Promise.all([
    logPosition(nats, shard),
    tables.look(witnesses),
  ])
  refuseElsewhere(whereabouts, before, log, checkpoint)
  if (lost.length > 0) {
    throw rowsLost(`shard ${shard}: ${lost.join(' and ')} lost rows that were written`, log, tables)
  }
  if (startOf(uptimeSeconds) > startedAtMs + START_TOLERANCE_MS) {
    throw new LaneMovedError(`shard ${shard}: ClickHouse was started anew, and its rows are to be counted`)
  }
}

const refuseElsewhere = (
  { shard, generation, expected }: Whereabouts,
  before: readonly number[],
  log: LogPosition,
  checkpoint: number,
): void => {
  if (log.generation !== generation) throw new LaneMovedError(`shard ${shard}: the log was made anew`)
  // A write may have ended, and another begun, while the answer was on its way.
  if ([...before, ...expected()].includes(checkpoint)) return
  throw new LaneMovedError(`shard ${shard}: ClickHouse is at ${checkpoint}, and was left at ${before[0]}`)
}

const rowsLost = (
  what: string,
  { firstSequence }: LogPosition,
  tables: ArchiveTables,
): RowsLostError | LogTooShortError =>
  firstSequence > 1
    ? new LogTooShortError(`${what}, and the log begins at ${firstSequence}`)
    : new RowsLostError(what, tables)

/** Whole seconds, and an answer that took its time, say no more. An answer that was late counts once too often. */
const START_TOLERANCE_MS = 2_000

const startOf = (uptimeSeconds: number): number => performance.now() - uptimeSeconds * 1_000
