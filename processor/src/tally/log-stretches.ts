import type { DeadLetter } from '@votestream/infra/dead-letters'
import type { LogEntry } from '@votestream/infra/log-reader'
import type { TraceContext } from '@votestream/infra/telemetry/trace-context'
import { type ReadMessage, readLogMessage } from '@votestream/schema/log-entries'
import type { Shard } from '@votestream/schema/numbers'
import { UnknownVersionError } from '@votestream/schema/votes'
import { type LogTraces, NO_LOG_TRACES, type SampledVote } from '../log-traces.js'
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
      /** In the order of the log. */
      readonly sampled: readonly SampledVote[]
      /** What the first message with something sampled in it was written by. */
      readonly trace: TraceContext | undefined
    }
  /** A message of a newer writer: nothing behind it may be applied. */
  | { readonly do: 'halt'; readonly sequence: number; readonly why: string }

interface LogStretchesOptions {
  readonly shard: Shard
  readonly shards: number
  /** Of the log that the entries are from. */
  readonly generation: string
  readonly traces?: Pick<LogTraces, 'sampled'> | undefined
}

/** Cuts what was read of a log into stretches; what stands before a message of an unknown version is one too. */
export function* logStretches(
  entries: readonly LogEntry[],
  { shard, shards, generation, traces = NO_LOG_TRACES }: LogStretchesOptions,
): Generator<LogStep, void> {
  let stretch = emptyStretch()
  let size = 0
  for (const { sequence, data, storedAtMs, trace } of entries) {
    const read = readKnown(data, shard, shards)
    if (read instanceof UnknownVersionError) {
      if (stretch.messages.length > 0) yield stretch
      yield { do: 'halt', sequence, why: `message ${sequence} of its log cannot be read (${read.message})` }
      return
    }
    stretch.messages.push({ sequence, ...read })
    stretch.storedAtMs.push(storedAtMs)
    size += entriesIn(read)
    const sampled = traces.sampled({ votes: read.votes, storedAtMs })
    if (sampled.length > 0) {
      stretch.sampled.push(...sampled)
      stretch.trace ??= trace?.()
    }
    if (read.dead.length > 0) {
      const reasons = read.dead.map(({ reason }) => reason)
      stretch.letters.push({ shard, generation, sequence, storedAtMs, reasons, data })
    }
    if (size >= STRETCH_ENTRIES_MAX) {
      yield stretch
      stretch = emptyStretch()
      size = 0
    }
  }
  if (stretch.messages.length > 0) yield stretch
}

const emptyStretch = () => ({
  do: 'apply' as const,
  messages: [] as SequencedMessage[],
  storedAtMs: [] as number[],
  letters: [] as DeadLetter[],
  sampled: [] as SampledVote[],
  trace: undefined as TraceContext | undefined,
})

const readKnown = (data: Uint8Array, shard: Shard, shards: number): ReadMessage | UnknownVersionError => {
  try {
    return readLogMessage(data, shard, shards)
  } catch (error) {
    if (error instanceof UnknownVersionError) return error
    throw error
  }
}
