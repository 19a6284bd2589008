import type { Shard } from '@votestream/schema/numbers'
import { joinTraces } from './live/board-traces.js'

/** One shard's share of an event's votes, as of a message of its log. */
export interface Part {
  readonly shard: Shard
  /** The creation of the log that `sequence` counts in, as RFC 3339. */
  readonly generation: string
  readonly sequence: number
  /** Votes that count, by contestant index; contestants without votes may be missing. */
  readonly totals: readonly number[]
  /** Of the last vote in the part, milliseconds since 1970; 0: none. */
  readonly ackedAtMs: number
  /** When Redis took the earliest change that no part before it showed, by the broker's clock; 0: not told. */
  readonly appliedAtMs?: number
  /** Of sampled votes that no part before it showed: a `traceparent` each. */
  readonly traces?: readonly string[]
}

/** An event's board: the sum of its shards' parts. */
export interface Board {
  /** The sum of the parts' log sequences: it grows with every change. */
  readonly version: number
  /** Votes that count, by contestant index. */
  readonly totals: readonly number[]
  /** Of the last vote on the board, milliseconds since 1970; 0: none. */
  readonly ackedAtMs: number
  /**
   * When Redis took the earliest change that no board before it showed, milliseconds since 1970 by the broker's clock;
   * missing: nobody told.
   */
  readonly appliedAtMs?: number
  /** Of the first sampled votes that no board before it showed; missing: there are none. */
  readonly traces?: readonly string[]
}

/** The later of two boards, when the earlier one was shown to nobody. */
export const replacing = (earlier: Board, later: Board): Board => {
  const appliedAtMs = earliest(earlier.appliedAtMs, later.appliedAtMs)
  const traces = joinTraces(earlier.traces, later.traces)
  return withNews(later, appliedAtMs, traces)
}

/** What is told of a board's change beside the board. */
export const withNews = (
  board: Board,
  appliedAtMs: number | undefined,
  traces: readonly string[] | undefined,
): Board => {
  if (appliedAtMs === undefined && traces === undefined) return board
  return {
    ...board,
    ...(appliedAtMs === undefined ? {} : { appliedAtMs }),
    ...(traces === undefined ? {} : { traces }),
  }
}

/** 0 counts as missing. */
export const earliest = (one: number | undefined, other: number | undefined): number | undefined =>
  one && other ? Math.min(one, other) : one || other || undefined

export const sumParts = (parts: Iterable<Part>, contestants: number): Board => {
  const totals = new Array<number>(contestants).fill(0)
  let version = 0
  let ackedAtMs = 0
  for (const part of parts) {
    version += part.sequence
    ackedAtMs = Math.max(ackedAtMs, part.ackedAtMs)
    for (let index = 0; index < contestants; index += 1) {
      totals[index] = (totals[index] ?? 0) + (part.totals[index] ?? 0)
    }
  }
  return { version, totals, ackedAtMs }
}

/**
 * The latest part of each shard. One is replaced only by a later one, whoever sent it and however late it came:
 * so nothing goes backwards.
 */
export interface Parts {
  /** @returns whether the part was later than what stood here. */
  take(part: Part): boolean
  /** Undefined until there is a part of every shard. */
  board(contestants: number): Board | undefined
}

export const createParts = (shards: number): Parts => {
  const latest = new Map<Shard, Part>()
  return {
    take(part) {
      const known = latest.get(part.shard)
      if (known && !isLater(part, known)) return false
      latest.set(part.shard, part)
      return true
    },
    board: (contestants) => (latest.size === shards ? sumParts(latest.values(), contestants) : undefined),
  }
}

const isLater = (part: Part, known: Part): boolean =>
  part.generation === known.generation
    ? part.sequence > known.sequence
    : Date.parse(part.generation) > Date.parse(known.generation)
