import type { EventNumber, VoterNumber } from './numbers.js'

/** Bits in one chunk: small enough that 100 voters scattered among 300 million cost little. */
export const CHUNK_BITS = 4096
const CHUNK_BYTES = CHUNK_BITS / 8

export interface BitPosition {
  readonly chunk: number
  /** 0 to CHUNK_BITS − 1, counted from the most significant bit of the first byte, as Redis counts. */
  readonly offset: number
}

/** Where a voter's bit stands among the voters of its own shard. */
export const bitPosition = (voter: VoterNumber, shards: number): BitPosition => {
  const index = Math.floor(voter / shards)
  return { chunk: Math.floor(index / CHUNK_BITS), offset: index % CHUNK_BITS }
}

/** Who has voted, event by event, in one shard. About one bit a voter where voters are dense. */
export interface VotedSet {
  has(event: EventNumber, voter: VoterNumber): boolean
  /** @returns false when the voter was there already. */
  add(event: EventNumber, voter: VoterNumber): boolean
  /** Adds every voter of a chunk as it stands in Redis: up to 512 bytes, missing ones are zero. */
  addChunk(event: EventNumber, chunk: number, bits: Uint8Array): void
  /** Forgets an event. */
  drop(event: EventNumber): void
  count(event: EventNumber): number
}

export const createVotedSet = (shards: number): VotedSet => {
  const events = new Map<EventNumber, Map<number, Uint8Array>>()

  const chunkOf = (event: EventNumber, chunk: number): Uint8Array => {
    const chunks = events.get(event) ?? new Map<number, Uint8Array>()
    events.set(event, chunks)
    const bits = chunks.get(chunk) ?? new Uint8Array(CHUNK_BYTES)
    chunks.set(chunk, bits)
    return bits
  }

  return {
    has(event, voter) {
      const { chunk, offset } = bitPosition(voter, shards)
      const byte = events.get(event)?.get(chunk)?.[offset >> 3]
      return byte !== undefined && (byte & (128 >> (offset & 7))) !== 0
    },
    add(event, voter) {
      const { chunk, offset } = bitPosition(voter, shards)
      const bits = chunkOf(event, chunk)
      const byte = bits[offset >> 3] ?? 0
      const mask = 128 >> (offset & 7)
      bits[offset >> 3] = byte | mask
      return (byte & mask) === 0
    },
    addChunk(event, chunk, bits) {
      const known = events.get(event)?.get(chunk)
      const own = known ?? chunkOf(event, chunk)
      const added = bits.subarray(0, CHUNK_BYTES)
      // Tens of thousands of chunks are added while a shard has no owner.
      if (!known) own.set(added)
      else
        for (let index = 0; index < added.length; index += 1)
          own[index] = (own[index] ?? 0) | (added[index] ?? 0)
    },
    drop(event) {
      events.delete(event)
    },
    count(event) {
      let count = 0
      for (const bits of events.get(event)?.values() ?? []) {
        for (const byte of bits) count += popcount(byte)
      }
      return count
    },
  }
}

const popcount = (byte: number): number => {
  let rest = byte
  let count = 0
  for (; rest; rest &= rest - 1) count += 1
  return count
}
