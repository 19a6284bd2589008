import { setTimeout } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { DeadLetters } from '@votestream/infra/dead-letters'
import type { Halts } from '@votestream/infra/halts'
import { readLog } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Shard } from '@votestream/schema/numbers'
import type { LogTraces } from '../log-traces.js'
import { archiveBatch } from './archive-batch.js'
import type { ArchiveMetrics } from './archive-metrics.js'
import type { ArchiveState } from './archive-state.js'
import { gather, type Waiting } from './gathering.js'
import { createHaltReport, type HaltReport } from './halt-report.js'
import {
  LaneMovedError,
  LogTooShortError,
  openLane,
  RowsLostError,
  refuseLost,
  refuseMoved,
} from './lane-opening.js'
import { readEntries, type WeighedEntry } from './log-entries.js'
import { joinBatches, type PackedBatch, packBatch } from './packed-batch.js'
import type { RowSource } from './row-binary.js'

export interface ArchiveProgress {
  readonly shard: Shard
  /** Of the log. */
  readonly generation: string
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
  readonly deadLetters: Pick<DeadLetters, 'put'>
  readonly halts: Pick<Halts, 'set' | 'clear'>
  /** Where the tables are; the client's own database when there is none. */
  readonly database?: string
  readonly traces?: Pick<LogTraces, 'sampled' | 'archive'>
  /** Told after each batch; for metrics. */
  readonly onProgress?: (progress: ArchiveProgress) => void
  readonly metrics?: ArchiveMetrics
  readonly waiting?: Waiting
  readonly rowsMax?: number
  readonly pauseMs?: number
}

export interface ArchiveLane {
  readonly shard: Shard
  readonly signal: AbortSignal
  /** The lane ends when the log is archived up to here. Without it, it goes on for ever. */
  readonly untilSequence?: number
}

export interface Archive {
  /**
   * Writes a shard's log to ClickHouse until the signal ends it. Whoever runs it begins it again, after a
   * while, when it throws; two of them at once do no harm, they write the same.
   * @throws UnknownVersionError for a message of a newer writer: what stands before it is archived, and nothing
   * behind it. LogTooShortError when ClickHouse lacks what the log does not hold any more.
   */
  runLane(lane: ArchiveLane): Promise<void>
}

/**
 * Rows of one batch: small enough to be one block in memory and on the wire, and large enough to be cheap. With 10,000
 * a row costs ClickHouse about twice as much, for the parts that it makes and merges.
 */
export const ROWS_MAX = 50_000
/**
 * Between a batch that is not full and the next one: a row waits as long at most. At 5,000 votes a second a vote costs
 * ClickHouse 68 µs with half a second, and 34 with two.
 */
const PAUSE_MS = 2_000
/** Messages taken from the reader at once: with BATCH_VOTES_MAX votes each, they bound what waits. */
const MESSAGES_MAX = 16
/** With nothing to write, a lane looks this often whether ClickHouse is where it left it. */
const LOOK_EVERY_MS = 1_000

export const createArchive = (options: ArchiveOptions): Archive => {
  const halts = createHaltReport(options.halts, options.logger)
  return {
    async runLane(lane) {
      const { shard, signal, untilSequence = Number.POSITIVE_INFINITY } = lane
      while (!signal.aborted) {
        try {
          if ((await follow(options, { shard, signal, untilSequence }, halts)) === 'reached') return
        } catch (error) {
          if (signal.aborted) return
          if (!(error instanceof LaneMovedError)) {
            halts.report(error, lane)
            throw error
          }
          const { logger } = options
          logger.warn({ err: error, shard }, 'what was archived is not where it was left; looking again')
          // Nothing of this lane is being written any more. If the process dies before this is done, its successor
          // goes on behind the hole, and reconciliation finds it; after it, the successor begins where this lane does.
          if (error instanceof RowsLostError) {
            await untilWritten(() => error.tables.forget(), { shard, signal, logger })
          }
        }
      }
    },
  }
}

/** Archives the log from where ClickHouse is. @throws LaneMovedError when that is not so any more. */
const follow = async (
  options: ArchiveOptions,
  { shard, signal, untilSequence }: Required<ArchiveLane>,
  halts: HaltReport,
): Promise<'reached' | 'stopped'> => {
  const { nats, logger, deadLetters, shards, rowsMax = ROWS_MAX, pauseMs = PAUSE_MS } = options
  const lane = await openLane({ ...options, shard, signal })
  const { generation, checkpoint, tables } = lane
  if (checkpoint >= untilSequence) return 'reached'
  const state = await tables.loadState(checkpoint)
  state.restoreRows(lane.rows)
  const witnesses = await tables.loadWitnesses(checkpoint)
  logger.info({ shard, checkpoint }, 'archiving')

  let at = checkpoint
  // Behind the batch that is being written, if any: its answer may be late, or lost.
  let writingTo = checkpoint
  const target = { shard, generation, tables, deadLetters }
  // The reader ends with the lane, however the lane ends.
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const whereabouts = { ...target, nats, expected: () => [at, writingTo] }
  const stopLooking = lookNowAndThen(
    () => refuseLost({ ...whereabouts, witnesses, startedAtMs: lane.startedAtMs }),
    (error) => ended.abort(error),
  )
  const place = { fromSequence: checkpoint + 1, batchMax: MESSAGES_MAX, signal: either }
  const entries = readEntries(readLog({ nats, shard, ...place }), { shard, shards, untilSequence })
  const messages = packEntries(entries, state, { shard, generation }, options.traces)
  try {
    for await (const packed of gather(messages, {
      rowsMax,
      pauseMs,
      signal: either,
      waiting: options.waiting,
    })) {
      const archived = joinBatches(packed)
      const lastSequence = archived.position.sequence
      writingTo = lastSequence
      const write = async (): Promise<void> => {
        await refuseMoved(whereabouts)
        const beganMs = performance.now()
        await traced(options, shard, archived, () => archiveBatch(target, archived))
        options.metrics?.insertSeconds.observe((performance.now() - beganMs) / 1_000)
      }
      await untilWritten(write, { shard, signal, logger })
      if (signal.aborted) return 'stopped'
      at = lastSequence
      witnesses.add(archived)
      halts.clear(shard)
      const { rows, storedAtMs } = archived
      options.metrics?.batchRows.observe(rows)
      options.onProgress?.({ shard, generation, sequence: lastSequence, storedAtMs, rows })
    }
    if (signal.aborted) return 'stopped'
    if (ended.signal.aborted) throw ended.signal.reason
    if (at >= untilSequence) return 'reached'
    throw new Error(`shard ${shard}: the log's reader ended`)
  } finally {
    stopLooking()
    ended.abort()
  }
}

/** What each message makes, by itself: none is held as objects until the next one is read. */
async function* packEntries(
  read: AsyncIterable<readonly WeighedEntry[]>,
  state: ArchiveState,
  source: RowSource,
  traces: ArchiveOptions['traces'],
): AsyncGenerator<PackedBatch[], void> {
  for await (const entries of read) {
    yield entries.map((entry) => {
      const { rows, storedAtMs } = entry
      const sampled = traces?.sampled({ votes: entry.message.votes, storedAtMs })
      return packBatch(state.advance([entry]), source, { rows, storedAtMs, ...(sampled ? { sampled } : {}) })
    })
  }
}

/** Each try is told of. */
const traced = async (
  { traces }: ArchiveOptions,
  shard: Shard,
  { sampled = [], rows }: PackedBatch,
  write: () => Promise<void>,
): Promise<void> => {
  const stage = sampled.length > 0 ? traces?.archive(shard, sampled, { rows }) : undefined
  try {
    await write()
    stage?.end()
  } catch (error) {
    stage?.end('failed')
    throw error
  }
}

/**
 * Looks whether ClickHouse is where the lane left it, also while there is nothing to write, and whether it holds
 * what it did: a write looks only where it is.
 */
const lookNowAndThen = (look: () => Promise<void>, onMoved: (error: Error) => void): (() => void) => {
  let looking = false
  const timer = setInterval(async () => {
    if (looking) return
    looking = true
    try {
      await look()
    } catch (error) {
      // A server that is away says nothing of what it holds.
      if (error instanceof LaneMovedError || error instanceof LogTooShortError) onMoved(error)
    }
    looking = false
  }, LOOK_EVERY_MS)
  return () => clearInterval(timer)
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
      if (error instanceof LaneMovedError || error instanceof LogTooShortError) throw error
      logger.warn({ err: error, shard, waitMs }, 'a batch was not archived; trying again')
      await setTimeout(waitMs, undefined, { signal }).catch(() => {})
    }
  }
}
