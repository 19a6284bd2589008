import { type LogPosition, readLogRange } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import { readLogMessage } from '@votestream/schema/log-entries'
import type { Shard } from '@votestream/schema/numbers'
import { type Cut, createCutReplay, type EventsAtCut } from './log-cuts.js'

const MESSAGES_MAX = 64

/** The log's beginning was purged while it was read: what was read is not what was asked for. */
export class LogPurgedError extends Error {
  override readonly name = 'LogPurgedError'
}

export interface LogReading {
  readonly nats: Nats
  readonly shard: Shard
  readonly shards: number
  readonly position: LogPosition
  readonly cuts: readonly Cut[]
  /** The last message to read, if no cut is behind it. */
  readonly toSequence: number
  readonly onProgress: (sequence: number, toSequence: number) => void
}

export interface LogBooks {
  /** In the order of the cuts. */
  readonly cuts: readonly EventsAtCut[]
  /** The messages that have something dead in them. */
  readonly deadMessages: readonly number[]
}

/**
 * One pass over what there is of a shard's log.
 * @throws LogPurgedError; UnknownVersionError for a message of a newer writer.
 */
export const readLogBooks = async (reading: LogReading): Promise<LogBooks> => {
  const { nats, shard, shards, position, cuts, onProgress } = reading
  const replay = createCutReplay(cuts)
  const toSequence = Math.max(reading.toSequence, ...cuts.map(({ sequence }) => sequence))
  const fromSequence = Math.max(1, position.firstSequence)
  const ended = new AbortController()
  let expected = fromSequence
  try {
    const range = { nats, shard, fromSequence, toSequence, batchMax: MESSAGES_MAX, signal: ended.signal }
    for await (const entries of readLogRange(range)) {
      for (const { sequence, data } of entries) {
        if (sequence !== expected) throw new LogPurgedError(`shard ${shard}: the log was purged meanwhile`)
        expected += 1
        replay.apply(sequence, readLogMessage(data, shard, shards))
      }
      onProgress(expected - 1, toSequence)
    }
  } finally {
    ended.abort()
  }
  return { cuts: replay.finish(), deadMessages: replay.deadMessages }
}
