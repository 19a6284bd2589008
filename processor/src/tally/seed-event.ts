import type { ContestantIndex, EventNumber, VoterNumber } from '@votestream/schema/numbers'
import { WINDOW_KEPT_MS, WINDOW_MS, windowStart } from '@votestream/schema/redis-keys'
import { bitPosition, CHUNK_BITS } from '@votestream/schema/voted-set'

/** A voter's first entry in an event, and what became of it. */
export interface VoterOutcome {
  readonly voter: VoterNumber
  readonly contestant: ContestantIndex
  readonly ackedAtMs: number
  readonly rejected: boolean
  /** Of this voter in the event, with the first one. */
  readonly entries: number
}

/** What is known of an event besides its voters. */
export interface EventFacts {
  readonly event: EventNumber
  /** The last message that touched it. */
  readonly sequence: number
  /** Of its last vote; 0: none. */
  readonly ackedAtMs: number
  readonly closedAtMs: number | null
  readonly dead: number
}

/** What one event's keys in Redis hold (see redis-keys). */
export interface EventSeed {
  readonly event: EventNumber
  /** Fields and values in turn. */
  readonly tally: readonly (string | number)[]
  readonly chunks: Buffer
  readonly voted: ReadonlyMap<number, Buffer>
  readonly rejected: ReadonlyMap<number, Buffer>
  readonly windows: readonly { readonly startMs: number; readonly fields: readonly number[] }[]
}

/** Gathers an event's voters, in any order. It holds a bit or two for each, as Redis will. */
export interface EventSeeding {
  add(outcome: VoterOutcome): void
  done(facts: EventFacts): EventSeed
}

/** @param nowMs windows that are no longer kept at this time are left out. Milliseconds since 1970. */
export const createEventSeeding = (shards: number, nowMs: number): EventSeeding => {
  const voted = new Map<number, Buffer>()
  const rejected = new Map<number, Buffer>()
  const totals = new Map<ContestantIndex, number>()
  const windows = new Map<number, Map<ContestantIndex, number>>()
  const books = { entries: 0, rejected: 0, superseded: 0 }

  const mark = (bits: Map<number, Buffer>, voter: VoterNumber): void => {
    const { chunk, offset } = bitPosition(voter, shards)
    const bytes = bits.get(chunk) ?? Buffer.alloc(CHUNK_BITS / 8)
    bits.set(chunk, bytes)
    setBit(bytes, offset)
  }
  const count = (contestant: ContestantIndex, ackedAtMs: number): void => {
    totals.set(contestant, (totals.get(contestant) ?? 0) + 1)
    const startMs = windowStart(ackedAtMs)
    if (startMs + WINDOW_MS + WINDOW_KEPT_MS <= nowMs) return
    const window = windows.get(startMs) ?? new Map<ContestantIndex, number>()
    windows.set(startMs, window)
    window.set(contestant, (window.get(contestant) ?? 0) + 1)
  }

  return {
    add({ voter, contestant, ackedAtMs, rejected: isRejected, entries }) {
      books.entries += entries
      books.superseded += entries - 1
      mark(voted, voter)
      if (!isRejected) return count(contestant, ackedAtMs)
      books.rejected += 1
      mark(rejected, voter)
    },
    done({ event, sequence, ackedAtMs, closedAtMs, dead }) {
      const fields = { ...books, entries: books.entries + dead, dead }
      const tally: (string | number)[] = [...totals].flat()
      for (const [field, value] of Object.entries(fields)) if (value > 0) tally.push(field, value)
      tally.push('sequence', sequence)
      if (ackedAtMs > 0) tally.push('acked_at', ackedAtMs)
      if (closedAtMs !== null) tally.push('closed_at', closedAtMs)
      const chunkCount = [...voted.keys()].reduce((count, chunk) => Math.max(count, chunk + 1), 0)
      const chunks = Buffer.alloc(Math.ceil(chunkCount / 8))
      for (const chunk of voted.keys()) setBit(chunks, chunk)
      return {
        event,
        tally,
        chunks,
        voted,
        rejected,
        windows: [...windows].map(([startMs, window]) => ({ startMs, fields: [...window].flat() })),
      }
    },
  }
}

/** As Redis counts: from the most significant bit of the first byte. */
const setBit = (bytes: Buffer, bit: number): void => {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (128 >> (bit & 7))
}
