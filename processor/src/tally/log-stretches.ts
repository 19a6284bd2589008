import type { DeadLetter } from '@votestream/infra/dead-letters'
import type { LogEntry } from '@votestream/infra/log-reader'
import { type ReadMessage, readLogMessage } from '@votestream/schema/log-entries'
import type { Shard } from '@votestream/schema/numbers'
import { UnknownVersionError } from '@votestream/schema/votes'
import { entriesIn, type SequencedMessage } from './stretch.js'

/** Entries applied by one script, or a message more: with the reader's batch they bound its time. */
const STRETCH_ENTRIES_MAX = 4_000

/** What to do with the log, step by step. */
export type LogStep =
  | {
      readonly do: 'apply'
      readonly messages: readonly SequencedMessage[]
      /** Of each of them, milliseconds since 1970, by the broker's clock. */
      readonly storedAtMs: readonly number[]
      readonly letters: DeadLetter[]
    }
  /** A message of a newer writer: nothing behind it may be applied. */
  | { readonly do: 'halt'; readonly sequence: number; readonly why: string }

interface LogStretchesOptions {
  readonly shard: Shard
  readonly shards: number
  /** Of the log that the entries are from. */
  readonly generation: string
}

/** Cuts what was read of a log into stretches; what stands before a message of an unknown version is one too. */
export function* logStretches(
  entries: readonly LogEntry[],
  { shard, shards, generation }: LogStretchesOptions,
): Generator<LogStep, void> {
  let messages: SequencedMessage[] = []
  let stored: number[] = []
  let letters: DeadLetter[] = []
  let size = 0
  for (const { sequence, data, storedAtMs } of entries) {
    const read = readKnown(data, shard, shards)
    if (read instanceof UnknownVersionError) {
      if (messages.length > 0) yield { do: 'apply', messages, storedAtMs: stored, letters }
      yield { do: 'halt', sequence, why: `message ${sequence} of its log cannot be read (${read.message})` }
      return
    }
    messages.push({ sequence, ...read })
    stored.push(storedAtMs)
    size += entriesIn(read)
    if (read.dead.length > 0) {
      const reasons = read.dead.map(({ reason }) => reason)
      letters.push({ shard, generation, sequence, storedAtMs, reasons, data })
    }
    if (size >= STRETCH_ENTRIES_MAX) {
      yield { do: 'apply', messages, storedAtMs: stored, letters }
      messages = []
      stored = []
      letters = []
      size = 0
    }
  }
  if (messages.length > 0) yield { do: 'apply', messages, storedAtMs: stored, letters }
}

const readKnown = (data: Uint8Array, shard: Shard, shards: number): ReadMessage | UnknownVersionError => {
  try {
    return readLogMessage(data, shard, shards)
  } catch (error) {
    if (error instanceof UnknownVersionError) return error
    throw error
  }
}
