import { type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream'
import type { Shard } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import type { Nats } from './nats.js'
import { readTraceHeader } from './telemetry/message-headers.js'
import type { TraceContext } from './telemetry/trace-context.js'

/** A message of a shard's log as it stands in the stream. */
export interface LogEntry {
  readonly sequence: number
  readonly data: Uint8Array
  /** When the broker stored it, milliseconds since 1970. */
  readonly storedAtMs: number
  /** The batch that it was written by, where something in it is sampled. Read from its headers by whoever asks. */
  readonly trace?: () => TraceContext | undefined
}

interface LogReaderOptions {
  readonly nats: Nats
  readonly shard: Shard
  /** The first sequence wanted; where the log begins later, it begins there. */
  readonly fromSequence: number
  /** Entries in one batch at most. */
  readonly batchMax: number
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** Messages under way from the server at most: with the batch they bound what a reader holds. */
const PULL_MAX = 256
/** The shortest that the server takes: a reader whose pull was lost asks again after this. */
const PULL_EXPIRES_MS = 1_000

/** A reader saw a sequence that does not follow the one before. It is begun again from its sink's checkpoint. */
export class LogGapError extends Error {
  override readonly name = 'LogGapError'
}

/**
 * Follows a shard's log in order, for ever: each batch holds what had arrived when it was asked for, at least
 * one entry. There is nothing to acknowledge; where to begin is the sink's to say.
 * @throws LogGapError when an entry is missing.
 */
export async function* readLog(options: LogReaderOptions): AsyncGenerator<LogEntry[], void> {
  const { nats, shard, fromSequence, batchMax, signal } = options
  if (signal.aborted) return
  const consumer = await nats.js.consumers.get(voteStream(shard), {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(1, fromSequence),
    inactive_threshold: 10_000,
  })
  const messages = await consumer.consume({ max_messages: PULL_MAX, expires: PULL_EXPIRES_MS })
  const stop = () => void messages.close()
  signal.addEventListener('abort', stop, { once: true })
  // It may have been ended while the consumer was made.
  if (signal.aborted) stop()
  try {
    yield* inBatches(messages, shard, batchMax)
  } finally {
    signal.removeEventListener('abort', stop)
    await messages.close()
  }
}

async function* inBatches(
  messages: ConsumerMessages,
  shard: Shard,
  batchMax: number,
): AsyncGenerator<LogEntry[], void> {
  let last = 0
  let batch: LogEntry[] = []
  for await (const message of messages) {
    const entry = entryOf(message)
    if (last !== 0 && entry.sequence !== last + 1) {
      throw new LogGapError(`shard ${shard}: sequence ${entry.sequence} came after ${last}`)
    }
    last = entry.sequence
    batch.push(entry)
    // What waits in the iterator is taken with this batch; when nothing waits, nobody waits for more. The
    // iterator may count its own notices as waiting, so the last message of the stream is known by what the
    // server said when it sent it: nothing was behind it.
    if (messages.getPending() === 0 || message.info.pending === 0 || batch.length >= batchMax) {
      yield batch
      batch = []
    }
  }
}

const entryOf = (message: JsMsg): LogEntry => ({
  sequence: message.seq,
  data: message.data,
  storedAtMs: message.timestampNanos ? Number(message.timestampNanos / 1_000_000n) : message.time.getTime(),
  trace: () => readTraceHeader(message.headers),
})

/** Where a stream ends, and which stream it is. */
export interface LogPosition {
  /** The stream's creation: another stream's sequences mean nothing here. */
  readonly generation: string
  readonly firstSequence: number
  /** 0 while nothing was ever written. */
  readonly lastSequence: number
}

export const logPosition = async (nats: Nats, shard: Shard): Promise<LogPosition> => {
  const { created, state } = await nats.jsm.streams.info(voteStream(shard))
  return { generation: String(created), firstSequence: state.first_seq, lastSequence: state.last_seq }
}

/** So few entries are asked for one by one, all at once: that takes one round trip, a consumer several. */
const FEW = 32

/** The entries of a log from a sequence to another, both included, then an end. */
export async function* readLogRange(
  options: LogReaderOptions & { readonly toSequence: number },
): AsyncGenerator<LogEntry[], void> {
  const { nats, shard, fromSequence, toSequence, signal } = options
  if (fromSequence > toSequence || signal.aborted) return
  if (toSequence - fromSequence < FEW) {
    const few = Array.from({ length: toSequence - fromSequence + 1 }, (_, index) =>
      nats.jsm.streams.getMessage(voteStream(shard), { seq: fromSequence + index }),
    )
    const messages = await Promise.all(few)
    const stored = messages.filter((message) => message !== null)
    // Something is missing, at the log's beginning it may be: the consumer knows where that is.
    if (stored.length === messages.length) {
      yield stored.map(({ seq, data, time }) => ({ sequence: seq, data, storedAtMs: time.getTime() }))
      return
    }
  }
  for await (const batch of readLog(options)) {
    yield batch.filter(({ sequence }) => sequence <= toSequence)
    if ((batch.at(-1)?.sequence ?? 0) >= toSequence) return
  }
}

/** The first sequence that was stored at a time or later, by halving; one past the end when there is none. */
export const firstSequenceSince = async (
  nats: Nats,
  shard: Shard,
  { firstSequence, lastSequence }: LogPosition,
  sinceMs: number,
): Promise<number> => {
  let from = Math.max(1, firstSequence)
  let past = lastSequence + 1
  while (from < past) {
    const middle = Math.floor((from + past) / 2)
    const message = await nats.jsm.streams.getMessage(voteStream(shard), { seq: middle })
    if (message && message.time.getTime() < sinceMs) from = middle + 1
    else past = middle
  }
  return from
}
