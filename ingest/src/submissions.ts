import type { EventNumber } from '@votestream/schema/numbers'
import type { Outcome, Vote } from '@votestream/schema/votes'
import type { PendingVote, ShardOwner } from './shard-owner.js'

interface Situation {
  readonly owner: ShardOwner
  /** This lane has ended: whoever asks it is told that it is not the owner. */
  readonly stopped: boolean
  /** The log has no room. */
  readonly full?: boolean
  /** Votes that are being committed, and how many may be. */
  readonly committing: number
  readonly waitingVotesMax: number
  readonly nowMs: number
  readonly closesAtMs: (event: EventNumber) => number | null
  readonly append: (pending: PendingVote) => void
  /** Told how many of them wait for something else: for another vote of their voter, mostly. */
  readonly onWaiting?: (votes: number) => void
}

/**
 * Decides a batch of submissions.
 * @param respond called once, when the last of them is settled; with null by who is not the owner.
 */
export const decideSubmissions = (
  votes: readonly Vote[],
  respond: (outcomes: readonly Outcome[] | null) => void,
  { owner, stopped, full, committing, waitingVotesMax, nowMs, closesAtMs, append, onWaiting }: Situation,
): void => {
  if (stopped) {
    respond(null)
    return
  }
  if (full || committing + votes.length > waitingVotesMax) {
    respond(votes.map(() => 'unavailable'))
    return
  }
  const outcomes: Outcome[] = new Array(votes.length)
  let open = votes.length
  let appended = 0
  for (const [index, vote] of votes.entries()) {
    const settle = (outcome: Outcome): void => {
      outcomes[index] = outcome
      open -= 1
      if (open === 0) respond(outcomes)
    }
    const pending = owner.submit(vote, settle, nowMs, closesAtMs(vote.event))
    if (!pending) continue
    appended += 1
    append(pending)
  }
  if (open > appended) onWaiting?.(open - appended)
}
