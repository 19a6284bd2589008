import type { Shard } from '@votestream/schema/numbers'
import { joinTraces } from './live/board-traces.js'

/**
 * What is told of a change beside the board: since when the earliest part of it that nothing before showed is under way,
 * in milliseconds since 1970. 0 or missing: not told.
 */
export interface BoardNews {
  /** When Redis took it, by the broker's clock. */
  readonly appliedAtMs?: number
  /** When the earliest vote in it was acknowledged, by the broker's clock. */
  readonly earliestAckedAtMs?: number
  /** When that vote was sent, by its client's clock; only where that clock is believable (see `stretchCall`). */
  readonly clientAtMs?: number
  /** Of the first sampled votes in it: a `traceparent` each. */
  readonly traces?: readonly string[]
}

/** One shard's share of an event's votes, as of a message of its log. */
export interface Part extends BoardNews {
  readonly shard: Shard
  /** The creation of the log that `sequence` counts in, as RFC 3339. */
  readonly generation: string
  readonly sequence: number
  /** Votes that count, by contestant index; contestants without votes may be missing. */
  readonly totals: readonly number[]
  /** Of the last vote in the part, milliseconds since 1970; 0: none. */
  readonly ackedAtMs: number
}

/** An event's board: the sum of its shards' parts. */
export interface Board extends BoardNews {
  /** The sum of the parts' log sequences: it grows with every change. */
  readonly version: number
  /** Votes that count, by contestant index. */
  readonly totals: readonly number[]
  /** Of the last vote on the board, milliseconds since 1970; 0: none. */
  readonly ackedAtMs: number
}

/** The later of two boards, when the earlier one was shown to nobody. */
export const replacing = (earlier: Board, later: Board): Board => ({ ...later, ...joinNews(earlier, later) })

/** What is told of two changes that are shown together; nothing that is not. */
export const joinNews = (one: BoardNews, other: BoardNews): BoardNews => {
  const appliedAtMs = earlier(one.appliedAtMs, other.appliedAtMs)
  const earliestAckedAtMs = earlier(one.earliestAckedAtMs, other.earliestAckedAtMs)
  const [first, second] = earliestAckedAtMs === other.earliestAckedAtMs ? [other, one] : [one, other]
  const clientAtMs = first.clientAtMs || second.clientAtMs
  const traces = joinTraces(one.traces, other.traces)
  return {
    ...(appliedAtMs ? { appliedAtMs } : {}),
    ...(earliestAckedAtMs ? { earliestAckedAtMs } : {}),
    ...(clientAtMs ? { clientAtMs } : {}),
    ...(traces ? { traces } : {}),
  }
}

const earlier = (one: number | undefined, other: number | undefined): number | undefined =>
  one && other ? Math.min(one, other) : one || other

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
