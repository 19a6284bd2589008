import { createLatencies, type Latencies } from './latencies.js'
import { contestantOf } from './markers.js'
import { intendedMs, type OpenPace } from './schedule.js'

/** How one viewer saw the totals of contestants grow, in the order of time, in columns. */
export interface Sightings {
  /** By position in the event. */
  readonly contestant: Uint16Array
  /** Votes that it had from then on. */
  readonly total: Float64Array
  /** Milliseconds after the start. */
  readonly atMs: Float64Array
}

export interface EndToEndOptions {
  readonly pace: OpenPace
  /** By request, milliseconds after the start; NaN: it was not acknowledged. */
  readonly acknowledgedMs: Float64Array
  /** Votes that each contestant had before. */
  readonly before: readonly number[]
  /** By viewer. */
  readonly viewers: readonly Sightings[]
  /** When the viewers were no longer looked at: what they had not seen by then counts as that old. */
  readonly untilMs: number
}

export interface EndToEnd {
  /** From the intended time until a viewer saw it, for each vote of the full rate and each viewer. */
  readonly endToEnd: Latencies
  /** From the acknowledgement. */
  readonly afterAcknowledgement: Latencies
  /** Of all those, the ones that a viewer never saw. */
  readonly unseen: number
}

/** When each acknowledged vote was seen: the n-th vote for a contestant was when the contestant had n votes. */
export const measureEndToEnd = (options: EndToEndOptions): EndToEnd => {
  const { pace, before, viewers, untilMs } = options
  const votes = votesByContestant(options)
  const endToEnd = createLatencies()
  const afterAcknowledgement = createLatencies()
  const fromMs = pace.rampSeconds * 1_000
  let unseen = 0

  const note = ({ intended, acknowledged }: Votes, rank: number, atMs: number): boolean => {
    const intendedAt = intended[rank] ?? 0
    if (intendedAt < fromMs) return false
    endToEnd.add(micros(atMs - intendedAt))
    // The board may be faster than the answer.
    afterAcknowledgement.add(micros(atMs - (acknowledged[rank] ?? 0)))
    return true
  }
  for (const { contestant, total, atMs } of viewers) {
    const seen = votes.map(() => 0)
    for (const [index, who] of contestant.entries()) {
      const own = votes[who]
      if (!own) continue
      const upTo = Math.min(own.intended.length, (total[index] ?? 0) - (before[who] ?? 0))
      for (let rank = seen[who] ?? 0; rank < upTo; rank += 1) note(own, rank, atMs[index] ?? 0)
      seen[who] = Math.max(seen[who] ?? 0, upTo)
    }
    for (const [who, own] of votes.entries()) {
      for (let rank = seen[who] ?? 0; rank < own.intended.length; rank += 1) {
        if (note(own, rank, untilMs)) unseen += 1
      }
    }
  }
  return { endToEnd, afterAcknowledgement, unseen }
}

/** Of one contestant's acknowledged votes: the times in order, each column for itself. */
interface Votes {
  readonly intended: number[]
  readonly acknowledged: number[]
}

const votesByContestant = ({ pace, acknowledgedMs, before }: EndToEndOptions): Votes[] => {
  const votes: Votes[] = before.map(() => ({ intended: [], acknowledged: [] }))
  for (const [index, atMs] of acknowledgedMs.entries()) {
    if (Number.isNaN(atMs)) continue
    const intended = intendedMs(pace, index)
    const own = votes[contestantOf(intended, before.length)]
    own?.intended.push(intended)
    own?.acknowledged.push(atMs)
  }
  for (const { acknowledged } of votes) acknowledged.sort((a, b) => a - b)
  return votes
}

const micros = (ms: number): number => Math.max(0, Math.round(ms * 1_000))
