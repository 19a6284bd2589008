import { setTimeout } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { type LogEntry, logPosition, readLog } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Shard } from '@votestream/schema/numbers'
import { logMessage } from '@votestream/schema/votes'
import { type ArchiveEntry, partitionRuns, rowCount } from './archive-rows.js'
import type { ArchiveBatch } from './archive-state.js'
import { type ArchiveTables, openArchiveTables } from './archive-tables.js'
import { gather } from './gathering.js'

export interface ArchiveProgress {
  readonly shard: Shard
  /** The log is archived up to here. */
  readonly sequence: number
  /** Rows of the last batch. */
  readonly rows: number
  /** When the broker stored the last message of the batch, milliseconds since 1970. */
  readonly storedAtMs: number
}

export interface ArchiveOptions {
  readonly nats: Nats
  readonly clickhouse: ClickHouseClient
  readonly shards: number
  readonly logger: Logger
  /** Told after each batch; for metrics. */
  readonly onProgress?: (progress: ArchiveProgress) => void
  readonly rowsMax?: number
  readonly pauseMs?: number
}

export interface Archive {
  /**
   * Writes a shard's log to ClickHouse until the signal ends it. Whoever runs it begins it again, after a
   * while, when it throws; two of them at once do no harm, they write the same.
   * @throws UnknownVersionError for a message of a newer writer, and Error for one that cannot be read: what
   * stands before it is archived, and nothing behind it.
   */
  runLane(lane: { readonly shard: Shard; readonly signal: AbortSignal }): Promise<void>
}

/** Rows of one batch: large enough to be cheap, small enough to be one block in memory and on the wire. */
const ROWS_MAX = 10_000
/** With little to do, so many parts a second are made at most, and a row waits as long at most. */
const PAUSE_MS = 500
/** Messages taken from the reader at once: with BATCH_VOTES_MAX votes each, they bound what waits. */
const MESSAGES_MAX = 16

export const createArchive = (options: ArchiveOptions): Archive => ({
  async runLane({ shard, signal }) {
    const { nats, logger, rowsMax = ROWS_MAX, pauseMs = PAUSE_MS } = options
    const { generation, checkpoint, tables } = await openLane(options, shard, signal)
    const state = await tables.loadState(checkpoint)
    logger.info({ shard, checkpoint }, 'archiving')

    // The reader ends with the lane, however the lane ends.
    const ended = new AbortController()
    const either = AbortSignal.any([signal, ended.signal])
    const place = { fromSequence: checkpoint + 1, batchMax: MESSAGES_MAX, signal: either }
    const log = readLog({ nats, shard, ...place })
    try {
      for await (const batch of gather(decoded(log), { rowsMax, pauseMs, signal: either })) {
        const archived = state.advance(batch)
        const write = async (): Promise<void> => {
          await refuseOtherLog(nats, shard, generation)
          await archiveBatch(tables, archived)
        }
        await untilWritten(write, { shard, signal, logger })
        if (signal.aborted) return
        const { sequence = 0, storedAtMs = 0 } = batch.at(-1) ?? {}
        options.onProgress?.({ shard, sequence, storedAtMs, rows: archived.rows.length })
      }
      if (!signal.aborted) throw new Error(`shard ${shard}: the log's reader ended`)
    } finally {
      ended.abort()
    }
  },
})

interface Lane {
  readonly generation: string
  readonly checkpoint: number
  readonly tables: ArchiveTables
}

/** Where the archive goes on. @throws Error when it holds what the log does not. */
const openLane = async (
  { nats, clickhouse, shards, logger }: ArchiveOptions,
  shard: Shard,
  signal: AbortSignal,
): Promise<Lane> => {
  const { generation } = await logPosition(nats, shard)
  const tables = openArchiveTables({ clickhouse, shards, shard, generation, signal })
  const checkpoint = await tables.checkpoint()
  // Asked after ClickHouse: what another instance archived in between is not beyond the log.
  const { firstSequence, lastSequence } = await logPosition(nats, shard)
  if (checkpoint > lastSequence) {
    throw new Error(`shard ${shard}: ClickHouse is at ${checkpoint}, the log ends at ${lastSequence}`)
  }
  if (checkpoint + 1 < firstSequence) {
    logger.error(
      { shard, checkpoint, firstSequence },
      'the log begins behind what is archived: votes are missing',
    )
  }
  return { generation, checkpoint, tables }
}

/** The stream was made anew under a lane: what it read is not what it says it is. It is begun again. */
class OtherLogError extends Error {
  override readonly name = 'OtherLogError'
}

const refuseOtherLog = async (nats: Nats, shard: Shard, generation: string): Promise<void> => {
  const now = await logPosition(nats, shard)
  if (now.generation !== generation) throw new OtherLogError(`shard ${shard}: the log was made anew`)
}

/**
 * Writes a batch; may be repeated, from any point, with the same result.
 */
export const archiveBatch = async (
  tables: Pick<ArchiveTables, 'insertRows' | 'insertWindows'>,
  { rows, windows, lastSequence }: ArchiveBatch,
): Promise<void> => {
  // 1. The rows, each run whole or not at all. If the process dies here, some or all of the rows are there and
  // the checkpoint is not: the next owner reads the same messages again and inserts the same rows, which
  // replace these, and the views take each once meanwhile. The windows do not know of them yet.
  for (const run of partitionRuns(rows)) await tables.insertRows(run)
  // 2. The touched windows as absolute totals, and the checkpoint, in one block. If the process dies before
  // it, see 1; if it dies after it, or its answer is lost, the batch is done: the next owner reads the
  // checkpoint and goes on behind it. A late repetition has a lower sequence than what was written since,
  // and does not stand.
  await tables.insertWindows(windows, lastSequence)
}

type DecodedEntry = ArchiveEntry & { readonly rows: number }

async function* decoded(log: AsyncIterable<readonly LogEntry[]>): AsyncGenerator<DecodedEntry[], void> {
  for await (const entries of log) {
    const good: DecodedEntry[] = []
    for (const { sequence, data, storedAtMs } of entries) {
      try {
        const message = logMessage.decode(data)
        good.push({ sequence, message, storedAtMs, rows: rowCount(message) })
      } catch (error) {
        // What stands before it is archived first.
        yield good
        throw error
      }
    }
    yield good
  }
}

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

interface UntilWrittenOptions {
  readonly shard: Shard
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** Tries for ever: while ClickHouse is away the log keeps what it will need. */
const untilWritten = async (
  write: () => Promise<void>,
  { shard, signal, logger }: UntilWrittenOptions,
): Promise<void> => {
  for (let waitMs = RETRY_MIN_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)) {
    try {
      return await write()
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof OtherLogError) throw error
      logger.warn({ err: error, shard, waitMs }, 'a batch was not archived; trying again')
      await setTimeout(waitMs, undefined, { signal }).catch(() => {})
    }
  }
}
