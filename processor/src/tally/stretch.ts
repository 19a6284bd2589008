import type { DeadEntry } from '@votestream/schema/log-entries'
import type { EventNumber, Shard, VoterNumber } from '@votestream/schema/numbers'
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
import { type LogMessage, VERDICT } from '@votestream/schema/votes'

/** A message of the log as it was read: what can be counted of it, and what is dead. */
export interface SequencedMessage extends LogMessage {
  readonly sequence: number
  readonly dead?: readonly DeadEntry[]
}

/** The call of apply-votes.lua for a stretch of the log: see there for what each part is. */
export interface StretchCall {
  readonly keys: string[]
  readonly args: [header: string, entries: Buffer, closings: string]
  /** In the order in which the script answers. */
  readonly events: readonly EventNumber[]
  /** Of the events that somebody voted in. */
  readonly earliest: ReadonlyMap<EventNumber, EarliestVote>
}

/** Times of the first vote of an event, milliseconds since 1970. */
export interface EarliestVote {
  readonly ackedAtMs: number
  /** When it was sent, by its client's clock; of the first vote whose client said so believably. 0: none did. */
  readonly clientAtMs: number
}

interface StretchOptions {
  readonly shard: Shard
  readonly shards: number
  readonly generation: string
  /** The checkpoint before the stretch. */
  readonly previous: number
}

/** A client's clock is believed where it says that a vote was sent before it was acknowledged, and at most so long before. */
const CLIENT_AGE_MAX_MS = 60_000

const ENTRY_BYTES = 12
const FLAGGED = 0x8000
const DECISION = 0x4000
const ADMITS = 0x2000
/** What has no chunk. */
const CLOSING = 0
const DEAD = 1

/** How many entries a message gives the script: what bounds a stretch. */
export const entriesIn = ({ votes, closings, decisions, dead = [] }: Omit<SequencedMessage, 'sequence'>) =>
  votes.length + closings.length + decisions.length + dead.length

/** @param messages a stretch of the log without a gap, beginning right after `previous`; not empty. */
export const stretchCall = (messages: readonly SequencedMessage[], options: StretchOptions): StretchCall => {
  const places = createPlaces(options)
  const closings: number[] = []
  const entries = Buffer.alloc(messages.reduce((sum, message) => sum + entriesIn(message), 0) * ENTRY_BYTES)
  let at = 0
  const write = (first: number, second: number, offset: number, choice: number): void => {
    entries.writeUInt32BE(first, at)
    entries.writeUInt32BE(second, at + 4)
    entries.writeUInt16BE(offset, at + 8)
    entries.writeUInt16BE(choice, at + 10)
    at += ENTRY_BYTES
  }

  for (const { sequence, votes, closings: closed, decisions, dead = [] } of messages) {
    for (const { event: number, voter, ackedAtMs, contestant, flags, clientTimestampMs } of votes) {
      const event = places.event(number, sequence)
      event.acked_at = ackedAtMs
      if (event.first_acked_at === 0) event.first_acked_at = ackedAtMs
      if (event.client_at === 0 && isBelievable(clientTimestampMs, ackedAtMs))
        event.client_at = clientTimestampMs
      const { chunk, offset } = places.bit(event, voter)
      write(
        chunk.index,
        places.window(event, ackedAtMs),
        offset,
        flags === 0 ? contestant : contestant | FLAGGED,
      )
    }
    for (const { event, closedAtMs } of closed) {
      closings.push(closedAtMs)
      write(0, places.event(event, sequence).index, 0, CLOSING)
    }
    for (const { event: number, voter, contestant, votedAtMs, verdict } of decisions) {
      const event = places.event(number, sequence)
      const { chunk, offset } = places.bit(event, voter)
      chunk.decided = true
      const choice = contestant | DECISION | (verdict === VERDICT.admit ? ADMITS : 0)
      write(chunk.index, places.window(event, votedAtMs), offset, choice)
    }
    for (const { event } of dead) write(0, places.event(event, sequence).index, 0, DEAD)
  }

  const { events, chunks, windows } = places
  const { shard, generation, previous } = options
  const header = {
    generation,
    previous,
    sequence: messages.at(-1)?.sequence ?? previous,
    events: events.map(({ number, sequence, acked_at }) => ({ number, sequence, acked_at })),
    chunks: chunks.map(({ event, number, decided }) => ({ event: event.index, number, decided })),
    windows: windows.map(({ startMs }) => Math.ceil((startMs + WINDOW_MS + WINDOW_KEPT_MS) / 1000)),
  }
  return {
    keys: [
      checkpointKey(shard),
      eventsKey(shard),
      ...events.flatMap(({ number }) => [tallyKey(shard, number), chunksKey(shard, number)]),
      ...chunks.flatMap(({ event, number }) => [
        votedKey(shard, event.number, number),
        rejectedKey(shard, event.number, number),
      ]),
      ...windows.map(({ event, startMs }) => windowKey(shard, event.number, startMs)),
    ],
    args: [JSON.stringify(header), entries, JSON.stringify(closings)],
    events: events.map(({ number }) => number),
    earliest: new Map(
      events
        .filter(({ first_acked_at }) => first_acked_at > 0)
        .map(({ number, first_acked_at, client_at }) => [
          number,
          { ackedAtMs: first_acked_at, clientAtMs: client_at },
        ]),
    ),
  }
}

const isBelievable = (clientAtMs: number, ackedAtMs: number): boolean =>
  clientAtMs <= ackedAtMs && clientAtMs >= ackedAtMs - CLIENT_AGE_MAX_MS && clientAtMs > 0

/** Everything has an index: its place in the order in which it was first asked for, from 1, as in the script. */
interface EventPlace {
  readonly index: number
  readonly number: EventNumber
  /** Of the last message that touched it. */
  sequence: number
  /** Of its last vote in the stretch; 0: none. */
  acked_at: number
  /** Of its first vote in the stretch, and when the first believable client sent its vote; 0: none. */
  first_acked_at: number
  client_at: number
  readonly chunks: Map<number, ChunkPlace>
  readonly windows: Map<number, number>
}

interface ChunkPlace {
  readonly index: number
  readonly event: EventPlace
  readonly number: number
  decided: boolean
}

/** What a stretch touches. */
const createPlaces = ({ shards }: Pick<StretchOptions, 'shards'>) => {
  const events: EventPlace[] = []
  const byNumber = new Map<EventNumber, EventPlace>()
  const chunks: ChunkPlace[] = []
  const windows: { readonly event: EventPlace; readonly startMs: number }[] = []
  return {
    events,
    chunks,
    windows,
    event(number: EventNumber, sequence: number): EventPlace {
      let event = byNumber.get(number)
      if (event === undefined) {
        const index = events.length + 1
        const times = { acked_at: 0, first_acked_at: 0, client_at: 0 }
        event = { index, number, sequence, ...times, chunks: new Map(), windows: new Map() }
        events.push(event)
        byNumber.set(number, event)
      }
      event.sequence = sequence
      return event
    },
    bit(event: EventPlace, voter: VoterNumber): { readonly chunk: ChunkPlace; readonly offset: number } {
      const { chunk: number, offset } = bitPosition(voter, shards)
      let chunk = event.chunks.get(number)
      if (chunk === undefined) {
        chunk = { index: chunks.length + 1, event, number, decided: false }
        chunks.push(chunk)
        event.chunks.set(number, chunk)
      }
      return { chunk, offset }
    },
    /** Whether the window is still kept is for Redis's clock to say: one whose time is over is gone at once. */
    window(event: EventPlace, atMs: number): number {
      const startMs = windowStart(atMs)
      const known = event.windows.get(startMs)
      if (known !== undefined) return known
      windows.push({ event, startMs })
      event.windows.set(startMs, windows.length)
      return windows.length
    },
  }
}
