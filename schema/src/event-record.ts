import type { ContestantIndex, EventNumber, VoterNumber } from './numbers.js'

/** An event as it stands in the `events` bucket, under its number in decimal. */
export interface EventRecord {
  readonly version: 1
  readonly number: EventNumber
  readonly name: string
  readonly createdBy: VoterNumber
  readonly createdAtMs: number
  /** Null: open from the beginning. */
  readonly opensAtMs: number | null
  /** Null: open until somebody closes it. Moved to the present by closing; never moved later. */
  readonly closesAtMs: number | null
  /** 1 to 500; a contestant's index here is its number in the log, and the order in which ties rank. */
  readonly contestants: readonly ContestantRecord[]
  /** Made by a check of the system itself: lists and analysts leave it out. Nobody sets or takes it off later. */
  readonly canary?: true
}

export interface ContestantRecord {
  readonly name: string
  readonly description: string
  readonly imageUrl: string
}

export type EventStatus = 'SCHEDULED' | 'OPEN' | 'CLOSED'

/** What the catalog says at a time. Whether a vote counts is decided by its shard's log, not here. */
export const eventStatus = (
  event: Pick<EventRecord, 'opensAtMs' | 'closesAtMs'>,
  nowMs: number,
): EventStatus => {
  if (event.closesAtMs !== null && event.closesAtMs <= nowMs) return 'CLOSED'
  if (event.opensAtMs !== null && event.opensAtMs > nowMs) return 'SCHEDULED'
  return 'OPEN'
}

export const eventKey = (event: EventNumber): string => String(event)

export const encodeEvent = (event: EventRecord): Uint8Array => Buffer.from(JSON.stringify(event))

/** @throws Error for a record of a version that this code does not know. */
export const decodeEvent = (bytes: Uint8Array): EventRecord => {
  // Only this module's encodeEvent writes the bucket; the version is what may differ.
  const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as EventRecord
  if (record.version !== 1) throw new Error(`event record of unknown version ${String(record.version)}`)
  return record
}

export interface Standing {
  readonly index: ContestantIndex
  readonly totalVotes: number
  /** 1 for the most votes. Ranks are all different: ties rank by the contestants' order in the event. */
  readonly rank: number
}

/** Totals by contestant index → most votes first, ties in the event's own order. */
export const rankStandings = (totals: readonly number[]): Standing[] =>
  totals
    .map((totalVotes, index) => ({ index: index as ContestantIndex, totalVotes }))
    .sort((a, b) => b.totalVotes - a.totalVotes || a.index - b.index)
    .map((standing, place) => ({ ...standing, rank: place + 1 }))
