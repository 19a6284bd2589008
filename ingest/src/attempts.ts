import type { EventNumber, VoterNumber } from '@votestream/schema/numbers'

/** How long an attempt is known again at least. */
export const ATTEMPTS_KEPT_MS = 30_000

/**
 * Which attempt each recent vote came from, so that a repeat of the same attempt gets the same answer although
 * the vote is in the log by now. Remembers for 30 to 60 seconds: two generations, the older one dropped whole.
 */
export interface Attempts {
  add(event: EventNumber, voter: VoterNumber, attempt: number, atMs: number): void
  is(event: EventNumber, voter: VoterNumber, attempt: number): boolean
}

type Generation = Map<EventNumber, Map<VoterNumber, number>>

export const createAttempts = (): Attempts => {
  let recent: Generation = new Map()
  let older: Generation = new Map()
  let recentSinceMs = 0

  return {
    add(event, voter, attempt, atMs) {
      if (atMs - recentSinceMs >= ATTEMPTS_KEPT_MS) {
        older = recent
        recent = new Map()
        recentSinceMs = atMs
      }
      const voters = recent.get(event) ?? new Map<VoterNumber, number>()
      recent.set(event, voters)
      voters.set(voter, attempt)
    },
    is: (event, voter, attempt) =>
      (recent.get(event)?.get(voter) ?? older.get(event)?.get(voter)) === attempt,
  }
}
