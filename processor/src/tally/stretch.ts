import type { EventNumber, Shard } from '@votestream/schema/numbers'
import {
  checkpointKey,
  chunksKey,
  eventsKey,
  rejectedKey,
  tallyKey,
  votedKey,
  WINDOW_KEPT_MS,
  WINDOW_MS,
  windowKey,
  windowStart,
} from '@votestream/schema/redis-keys'
import { bitPosition } from '@votestream/schema/voted-set'
import type { Closing, LogMessage, Vote } from '@votestream/schema/votes'

/** A message of the log, decoded. */
export interface SequencedMessage extends LogMessage {
  readonly sequence: number
}

/** The call of apply-votes.lua for a stretch of the log: see there for what each part is. */
export interface StretchCall {
  readonly keys: string[]
  readonly args: [header: string, entries: Buffer, closings: string]
  /** In the order in which the script answers. */
  readonly events: readonly EventNumber[]
}

interface StretchOptions {
  readonly shard: Shard
  readonly shards: number
  readonly generation: string
  /** The checkpoint before the stretch. */
  readonly previous: number
  /** Windows that are no longer kept at this time are not made again. Milliseconds since 1970. */
  readonly nowMs: number
}

const ENTRY_BYTES = 12
const FLAGGED = 0x8000

/** Numbers things in the order in which they are first asked for, from 1: the indexes of the script. */
const numbering = <Value>() => {
  const numbers = new Map<number, number>()
  const values: Value[] = []
  return {
    values,
    of(key: number, make: () => Value): number {
      const known = numbers.get(key)
      if (known !== undefined) return known
      values.push(make())
      numbers.set(key, values.length)
      return values.length
    },
  }
}

interface EventEntry {
  readonly number: EventNumber
  sequence: number
  acked_at: number
  readonly chunks: ReturnType<typeof numbering<number>>
  readonly windows: ReturnType<typeof numbering<number>>
}

/** @param messages a stretch of the log without a gap, beginning right after `previous`; not empty. */
export const stretchCall = (messages: readonly SequencedMessage[], options: StretchOptions): StretchCall => {
  const { shard, shards, nowMs } = options
  const events = numbering<EventEntry>()
  const chunks: { event: number; number: number }[] = []
  const windows: { event: EventNumber; startMs: number }[] = []
  const closings: number[] = []
  const size = messages.reduce((sum, message) => sum + message.votes.length + message.closings.length, 0)
  const entries = Buffer.alloc(size * ENTRY_BYTES)
  let at = 0

  const eventIndex = (number: EventNumber, sequence: number): number => {
    const index = events.of(number, () => ({
      number,
      sequence,
      acked_at: 0,
      chunks: numbering(),
      windows: numbering(),
    }))
    return index
  }

  const write = (first: number, second: number, offset: number, choice: number): void => {
    entries.writeUInt32BE(first, at)
    entries.writeUInt32BE(second, at + 4)
    entries.writeUInt16BE(offset, at + 8)
    entries.writeUInt16BE(choice, at + 10)
    at += ENTRY_BYTES
  }

  const addVote = (vote: Vote, sequence: number): void => {
    const index = eventIndex(vote.event, sequence)
    const event = events.values[index - 1] as EventEntry
    event.sequence = sequence
    event.acked_at = vote.ackedAtMs
    const { chunk, offset } = bitPosition(vote.voter, shards)
    const chunkAt = event.chunks.of(chunk, () => chunks.push({ event: index, number: chunk }))
    const startMs = windowStart(vote.ackedAtMs)
    const kept = startMs + WINDOW_MS + WINDOW_KEPT_MS > nowMs
    const windowAt = kept
      ? event.windows.of(startMs, () => windows.push({ event: vote.event, startMs }))
      : undefined
    write(
      event.chunks.values[chunkAt - 1] as number,
      windowAt === undefined ? 0 : (event.windows.values[windowAt - 1] as number),
      offset,
      vote.flags === 0 ? vote.contestant : vote.contestant | FLAGGED,
    )
  }

  const addClosing = (closing: Closing, sequence: number): void => {
    const index = eventIndex(closing.event, sequence)
    const event = events.values[index - 1] as EventEntry
    event.sequence = sequence
    closings.push(closing.closedAtMs)
    write(0, index, 0, 0)
  }

  for (const { sequence, votes, closings: closed } of messages) {
    for (const vote of votes) addVote(vote, sequence)
    for (const closing of closed) addClosing(closing, sequence)
  }

  const numbers = events.values.map(({ number }) => number)
  const header = {
    generation: options.generation,
    previous: options.previous,
    sequence: messages.at(-1)?.sequence ?? options.previous,
    events: events.values.map(({ number, sequence, acked_at }) => ({ number, sequence, acked_at })),
    chunks,
    windows: windows.map(({ startMs }) => Math.ceil((startMs + WINDOW_MS + WINDOW_KEPT_MS) / 1000)),
  }
  return {
    keys: [
      checkpointKey(shard),
      eventsKey(shard),
      ...numbers.flatMap((event) => [tallyKey(shard, event), chunksKey(shard, event)]),
      ...chunks.flatMap((chunk) => {
        const event = numbers[chunk.event - 1] as EventNumber
        return [votedKey(shard, event, chunk.number), rejectedKey(shard, event, chunk.number)]
      }),
      ...windows.map(({ event, startMs }) => windowKey(shard, event, startMs)),
    ],
    args: [JSON.stringify(header), entries, JSON.stringify(closings)],
    events: numbers,
  }
}
