import { LOG_KIND } from '@votestream/schema/clickhouse-schema'
import type { Shard } from '@votestream/schema/numbers'
import {
  type ArchivePosition,
  type DeadRow,
  type DecisionRow,
  type LogRow,
  rowTimeMs,
  type WindowTotal,
} from './archive-rows.js'

/** Where the rows come from. */
export interface RowSource {
  readonly shard: Shard
  /** The stream's creation: sequences count within it. */
  readonly generation: string
}

/** Of so few letters, one by one takes a fraction of what two calls into Node's own code do. */
const SHORT_TEXT = 64
const ASCII_MAX = 127

/** ClickHouse's RowBinary: numbers little-endian, texts behind their length. Grows as needed. */
const createWriter = (bytes: number) => {
  let buffer = Buffer.allocUnsafe(bytes)
  let at = 0
  const room = (size: number): void => {
    if (at + size <= buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + size))
    buffer.copy(larger, 0, 0, at)
    buffer = larger
  }
  /** @returns false for a text that is not ASCII: nothing is written then. */
  const shortAscii = (value: string): boolean => {
    const { length } = value
    room(1 + length)
    const target = buffer
    const start = at + 1
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index)
      if (code > ASCII_MAX) return false
      target[start + index] = code
    }
    target[at] = length
    at = start + length
    return true
  }
  return {
    uint8(value: number) {
      room(1)
      at = buffer.writeUInt8(value, at)
    },
    uint16(value: number) {
      room(2)
      at = buffer.writeUInt16LE(value, at)
    },
    uint32(value: number) {
      room(4)
      at = buffer.writeUInt32LE(value, at)
    },
    /** What is not below 2^53 is written as the largest that is: the log may hold any number that nobody counts by. */
    uint64(number: number) {
      const value = Math.min(number, Number.MAX_SAFE_INTEGER)
      const high = Math.floor(value / 2 ** 32)
      room(8)
      at = buffer.writeUInt32LE(value - high * 2 ** 32, at)
      at = buffer.writeUInt32LE(high, at)
    },
    text(value: string) {
      if (value.length <= SHORT_TEXT && shortAscii(value)) return
      const size = Buffer.byteLength(value)
      room(size + 5)
      let rest = size
      for (; rest > 127; rest >>>= 7) at = buffer.writeUInt8((rest & 127) | 128, at)
      at = buffer.writeUInt8(rest, at)
      at += buffer.write(value, at)
    },
    /** What another writer wrote. */
    raw(bytes: Uint8Array) {
      room(bytes.length)
      buffer.set(bytes, at)
      at += bytes.length
    },
    done: (): Buffer => buffer.subarray(0, at),
  }
}

const textBytes = (value: string): Buffer => {
  const writer = createWriter(value.length + 5)
  writer.text(value)
  return writer.done()
}

/** The columns that `encodeLogRows` writes, in its order. */
export const LOG_COLUMNS =
  'event, shard, voter, generation, sequence, position, kind, contestant, attempt, acked_at, ' +
  'client_timestamp, device_id, app_version, channel, flags, trace_id'

const LOG_ROW_BYTES = 192
const CHANNEL_MAX = 255

const NO_VOTE = {
  voter: 0,
  contestant: 0,
  attempt: 0,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 0,
  flags: 0,
  traceId: '',
}

export const encodeLogRows = ({ shard, generation }: RowSource, rows: readonly LogRow[]): Buffer => {
  const writer = createWriter(rows.length * LOG_ROW_BYTES)
  const generationBytes = textBytes(generation)
  for (const row of rows) {
    const vote = row.kind === 'vote' ? row.vote : NO_VOTE
    writer.uint32(eventOf(row))
    writer.uint8(shard)
    writer.uint64(vote.voter)
    writer.raw(generationBytes)
    writer.uint64(row.sequence)
    writer.uint16(row.position)
    writer.uint8(LOG_KIND[row.kind])
    writer.uint16(vote.contestant)
    writer.uint64(vote.attempt)
    writer.uint64(rowTimeMs(row))
    writer.uint64(vote.clientTimestampMs)
    writer.text(vote.deviceId)
    writer.text(vote.appVersion)
    writer.uint8(Math.min(vote.channel, CHANNEL_MAX))
    writer.uint32(vote.flags)
    writer.text(vote.traceId)
  }
  return writer.done()
}

const eventOf = (row: LogRow): number => {
  switch (row.kind) {
    case 'vote':
      return row.vote.event
    case 'closing':
      return row.closing.event
    case 'takeover':
      return 0
  }
}

/** The columns that `encodeDecisionRows` writes, in its order. */
export const DECISION_COLUMNS =
  'event, shard, voter, generation, sequence, position, contestant, voted_at, verdict, decided_at, decided_by'

const DECISION_ROW_BYTES = 96

export const encodeDecisionRows = (
  { shard, generation }: RowSource,
  rows: readonly DecisionRow[],
): Buffer => {
  const writer = createWriter(rows.length * DECISION_ROW_BYTES)
  for (const { sequence, position, decision } of rows) {
    writer.uint32(decision.event)
    writer.uint8(shard)
    writer.uint64(decision.voter)
    writer.text(generation)
    writer.uint64(sequence)
    writer.uint32(position)
    writer.uint16(decision.contestant)
    writer.uint64(decision.votedAtMs)
    // VERDICT's numbers are those of the column.
    writer.uint8(decision.verdict)
    writer.uint64(decision.decidedAtMs)
    writer.uint64(decision.decidedBy)
  }
  return writer.done()
}

/** The columns that `encodeDeadRows` writes, in its order. */
export const DEAD_COLUMNS = 'event, shard, generation, sequence, position, reason, stored_at'

const DEAD_ROW_BYTES = 128

export const encodeDeadRows = ({ shard, generation }: RowSource, rows: readonly DeadRow[]): Buffer => {
  const writer = createWriter(rows.length * DEAD_ROW_BYTES)
  for (const { sequence, position, dead, storedAtMs } of rows) {
    writer.uint32(dead.event)
    writer.uint8(shard)
    writer.text(generation)
    writer.uint64(sequence)
    writer.uint32(position)
    writer.text(dead.reason)
    writer.uint64(storedAtMs)
  }
  return writer.done()
}

/** The columns that `encodeWindowRows` writes, in its order. */
export const WINDOW_COLUMNS = 'event, minute, contestant, shard, generation, votes, sequence, archived_rows'

const WINDOW_ROW_BYTES = 64
/** The row that says how far the archive is. */
const CHECKPOINT = { event: 0, minuteMs: 0, contestant: 0, votes: 0 }

/** The windows and the checkpoint: one insert, so that neither is ever there without the other. */
export const encodeWindowRows = (
  { shard, generation }: RowSource,
  windows: readonly WindowTotal[],
  { sequence, rows }: ArchivePosition,
): Buffer => {
  const writer = createWriter((windows.length + 1) * WINDOW_ROW_BYTES)
  for (const { event, minuteMs, contestant, votes } of [...windows, CHECKPOINT]) {
    writer.uint32(event)
    writer.uint32(minuteMs / 1000)
    writer.uint16(contestant)
    writer.uint8(shard)
    writer.text(generation)
    writer.uint64(votes)
    writer.uint64(sequence)
    writer.uint64(event === CHECKPOINT.event ? rows : 0)
  }
  return writer.done()
}
