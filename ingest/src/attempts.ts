import type { EventNumber, VoterNumber } from '@votestream/schema/numbers'

/** How long an attempt is known again at least. */
export const ATTEMPTS_KEPT_MS = 30_000
/** In one generation at most: 66,000 votes a second in one shard. Beyond, the oldest are forgotten sooner. */
const GENERATION_MAX = 2_000_000

/**
 * Which attempt each recent vote and decision came from, so that a repeat of the same attempt gets the same answer
 * although it is in the log by now. Remembers for 30 to 60 seconds: two generations, the older one dropped whole.
 * It goes by time that has passed and by no wall clock: one that jumps would make it forget at once, or never.
 */
export interface Attempts {
  /** @param agoMs how long it has been in the log. */
  add(event: EventNumber, voter: VoterNumber, attempt: number, agoMs?: number): void
  is(event: EventNumber, voter: VoterNumber, attempt: number): boolean
  addDecision(attempt: number, agoMs?: number): void
  isDecision(attempt: number): boolean
}

interface Generation {
  readonly votes: Map<EventNumber, Map<VoterNumber, number>>
  readonly decisions: Set<number>
  size: number
}

const emptyGeneration = (): Generation => ({ votes: new Map(), decisions: new Set(), size: 0 })

/** @param elapsed milliseconds since some moment; never goes back and never jumps. */
export const createAttempts = (
  elapsed: () => number = () => performance.now(),
  generationMax = GENERATION_MAX,
): Attempts => {
  let recent = emptyGeneration()
  let older = emptyGeneration()
  let recentSinceMs = Number.NEGATIVE_INFINITY

  /** Where something is remembered that came so long ago. */
  const generationOf = (agoMs: number): Generation => {
    const atMs = elapsed() - Math.max(0, agoMs)
    if (atMs - recentSinceMs >= ATTEMPTS_KEPT_MS || recent.size >= generationMax) {
      older = recent
      recent = emptyGeneration()
      recentSinceMs = Math.max(recentSinceMs, atMs)
    }
    recent.size += 1
    return recent
  }

  return {
    add(event, voter, attempt, agoMs = 0) {
      const { votes } = generationOf(agoMs)
      const voters = votes.get(event) ?? new Map<VoterNumber, number>()
      votes.set(event, voters)
      voters.set(voter, attempt)
    },
    is: (event, voter, attempt) =>
      (recent.votes.get(event)?.get(voter) ?? older.votes.get(event)?.get(voter)) === attempt,
    addDecision: (attempt, agoMs = 0) => void generationOf(agoMs).decisions.add(attempt),
    isDecision: (attempt) => recent.decisions.has(attempt) || older.decisions.has(attempt),
  }
}
