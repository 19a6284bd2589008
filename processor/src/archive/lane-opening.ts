import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { logPosition } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import type { Shard } from '@votestream/schema/numbers'
import { type ArchiveTables, openArchiveTables } from './archive-tables.js'
import type { Witnesses } from './witnesses.js'

export interface OpenLane {
  /** Of the log that it is of. */
  readonly generation: string
  /** The log is archived up to here. */
  readonly checkpoint: number
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
 * @throws LogTooShortError, or Error when ClickHouse holds what the log does not.
 */
export const openLane = async (options: OpeningOptions): Promise<OpenLane> => {
  const { nats, shard } = options
  const { generation } = await logPosition(nats, shard)
  const tables = openArchiveTables({ ...options, generation })
  const checkpoint = await tables.checkpoint()
  // Asked after ClickHouse: what another instance archived in between is not beyond the log.
  const { firstSequence, lastSequence } = await logPosition(nats, shard)
  if (checkpoint > lastSequence) {
    throw new Error(`shard ${shard}: ClickHouse is at ${checkpoint}, the log ends at ${lastSequence}`)
  }
  if (checkpoint + 1 < firstSequence) {
    throw new LogTooShortError(
      `shard ${shard}: ClickHouse is at ${checkpoint}, the log begins at ${firstSequence}: what is between ` +
        'them has to be brought back from a backup of ClickHouse',
    )
  }
  return { generation, checkpoint, tables }
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
  /** Rows that are there, to be looked at too. */
  readonly witnesses?: Witnesses
}

/**
 * @throws LaneMovedError when the log was made anew, or when ClickHouse is elsewhere: it lost what it held, or
 * another writer went on; RowsLostError, or LogTooShortError when it lost rows that the log does not hold any more.
 */
export const refuseMoved = async (whereabouts: Whereabouts): Promise<void> => {
  const { nats, shard, generation, tables, expected, witnesses } = whereabouts
  const before = expected()
  const [log, { checkpoint, lost }] = await Promise.all([
    logPosition(nats, shard),
    witnesses
      ? tables.look(witnesses)
      : tables.checkpoint().then((found) => ({ checkpoint: found, lost: [] })),
  ])
  if (log.generation !== generation) throw new LaneMovedError(`shard ${shard}: the log was made anew`)
  // A write may have ended, and another begun, while the answer was on its way.
  if (![...before, ...expected()].includes(checkpoint)) {
    throw new LaneMovedError(`shard ${shard}: ClickHouse is at ${checkpoint}, and was left at ${before[0]}`)
  }
  if (lost.length === 0) return
  const what = `shard ${shard}: ${lost.join(' and ')} lost rows that were written`
  if (log.firstSequence > 1) throw new LogTooShortError(`${what}, and the log begins at ${log.firstSequence}`)
  throw new RowsLostError(what, tables)
}
