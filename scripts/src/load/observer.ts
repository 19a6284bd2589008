import { monotonicMs } from './clock.js'
import type { Sightings } from './end-to-end.js'

/** A board, as far as it is looked at. */
export interface ObservedBoard {
  readonly totalVotes: number
  readonly standings: readonly {
    readonly totalVotes: number
    readonly contestant: { readonly id: string }
  }[]
}

/** A viewer who remembers when each contestant's total grew. */
export interface Observer {
  see(board: ObservedBoard): void
  /** Of the last board, by contestant. */
  totals(): readonly number[]
  /** On the last board. */
  votes(): number
  /** Times are of the monotonic clock. */
  sightings(): Sightings
}

export const createObserver = (contestantIds: readonly string[]): Observer => {
  const places = new Map(contestantIds.map((id, index) => [id, index]))
  const totals = contestantIds.map(() => 0)
  const contestant: number[] = []
  const total: number[] = []
  const atMs: number[] = []
  let votes = 0
  return {
    see({ totalVotes, standings }) {
      const nowMs = monotonicMs()
      votes = totalVotes
      for (const standing of standings) {
        const place = places.get(standing.contestant.id)
        if (place === undefined || totals[place] === standing.totalVotes) continue
        totals[place] = standing.totalVotes
        contestant.push(place)
        total.push(standing.totalVotes)
        atMs.push(nowMs)
      }
    },
    totals: () => [...totals],
    votes: () => votes,
    sightings: () => ({
      contestant: Uint16Array.from(contestant),
      total: Float64Array.from(total),
      atMs: Float64Array.from(atMs),
    }),
  }
}
