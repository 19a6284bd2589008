import type { EventNumber, VoterNumber } from '@votestream/schema/numbers'
import type { VotedSet } from '@votestream/schema/voted-set'
import type { Closing, LogMessage, Outcome, Vote } from '@votestream/schema/votes'
import type { Attempts } from './attempts.js'

/**
 * What a shard's owner knows and decides, as a state machine over its own log: nothing here talks to a server.
 * Nothing is called a duplicate that is not in the log, and nothing is accepted twice: a vote that was accepted
 * and is not on disk yet is *pending*, and a second one of the same voter shares its fate.
 */
export interface OwnerState {
  readonly voted: VotedSet
  readonly attempts: Attempts
  /** False while attempts of before the takeover are still being read. */
  attemptsKnown: boolean
  /** Events whose closing is in the log, or is on its way there. */
  readonly closed: Set<EventNumber>
  /** Of the last vote or decision; it never goes back. Milliseconds since 1970. */
  lastAckedAtMs: number
}

/** Takes the outcome of one submission. */
export type Settle = (outcome: Outcome) => void

export interface PendingVote {
  readonly vote: Vote
  readonly waiting: { readonly attempt: number; readonly settle: Settle }[]
}

export interface ShardOwner {
  /**
   * Decides a submission. What is decided now is settled now; otherwise it waits for a vote on its way to disk.
   * @param closesAtMs what the catalog says of the event; null when it has no end or is not known.
   * @returns the vote to append, when this one is new.
   */
  submit(vote: Vote, settle: Settle, nowMs: number, closesAtMs: number | null): PendingVote | undefined
  /** Answers everyone who waits for this vote: it is on disk. */
  stored(pending: PendingVote): void
  /**
   * @returns the closing to append, unless the event is closed here, or about to be. Of an event that ends at a
   * known time it is to be asked for soon after: whoever comes too late waits for it.
   */
  close(event: EventNumber, nowMs: number): Closing | undefined
  /** The closing is on disk. */
  closed(event: EventNumber): void
  /** From now on every recent attempt is known: answers those who waited for that. */
  attemptsLearned(): void
  /** The log has no room: answers everyone who waits for something on its way to disk. It stays on its way. */
  turnAway(): void
  /** Answers everyone who waits: this owner cannot tell what became of their votes. */
  abandon(): void
}

/** Who may wait at once for votes on their way to disk: gateways repeat what they have no answer to. */
const WAITING_MAX = 100_000
/** Submissions that may wait for the attempts of before the takeover. */
const UNLEARNED_MAX = 20_000
/** Submissions that may wait for a closing on its way to disk. */
const LATE_MAX = 20_000

export const createShardOwner = (state: OwnerState): ShardOwner => {
  const { voted, attempts, closed } = state
  const pending = new Map<EventNumber, Map<VoterNumber, PendingVote>>()
  let waitingCount = 0
  let unlearned: { readonly vote: Vote; readonly settle: Settle }[] = []
  /** Events whose closing is not on disk yet. */
  const closing = new Set<EventNumber>()
  const late = new Map<EventNumber, Settle[]>()
  let lateCount = 0

  /**
   * Says `closed` once the closing is on disk, and not before: an owner that has lost its shard does not know
   * what the next one took. Behind a closing in the log there is nothing to be missed.
   */
  const refuse = (event: EventNumber, settle: Settle): void => {
    if (closed.has(event) && !closing.has(event)) settle('closed')
    else if (lateCount < LATE_MAX) {
      const waiting = late.get(event) ?? []
      late.set(event, waiting)
      waiting.push(settle)
      lateCount += 1
    } else settle('unavailable')
  }

  return {
    submit(vote, settle, nowMs, closesAtMs) {
      const { event, voter, attempt } = vote
      if (attempts.is(event, voter, attempt)) {
        settle('accepted')
        return undefined
      }
      const under = pending.get(event)?.get(voter)
      if (under) {
        if (waitingCount < WAITING_MAX) {
          under.waiting.push({ attempt, settle })
          waitingCount += 1
        } else settle('unavailable')
        return undefined
      }
      if (!state.attemptsKnown && (voted.has(event, voter) || closed.has(event))) {
        if (unlearned.length < UNLEARNED_MAX) unlearned.push({ vote, settle })
        else settle('unavailable')
        return undefined
      }
      if (voted.has(event, voter)) {
        settle('duplicate')
        return undefined
      }
      // Who waits for the closing is refused by it, so the event stays over though the clock goes back.
      if (closed.has(event) || late.has(event) || (closesAtMs !== null && closesAtMs <= nowMs)) {
        refuse(event, settle)
        return undefined
      }
      state.lastAckedAtMs = Math.max(state.lastAckedAtMs, nowMs)
      vote.ackedAtMs = state.lastAckedAtMs
      const accepted: PendingVote = { vote, waiting: [{ attempt, settle }] }
      const voters = pending.get(event) ?? new Map<VoterNumber, PendingVote>()
      pending.set(event, voters)
      voters.set(voter, accepted)
      waitingCount += 1
      return accepted
    },
    stored({ vote, waiting }) {
      const { event, voter, attempt } = vote
      voted.add(event, voter)
      attempts.add(event, voter, attempt)
      const voters = pending.get(event)
      voters?.delete(voter)
      waitingCount -= waiting.length
      if (voters?.size === 0) pending.delete(event)
      for (const waiter of waiting) waiter.settle(waiter.attempt === attempt ? 'accepted' : 'duplicate')
    },
    close(event, nowMs) {
      if (closed.has(event)) return undefined
      // From here on no vote of this event is accepted, so none can stand behind the closing in the log.
      closed.add(event)
      closing.add(event)
      return { event, closedAtMs: Math.max(state.lastAckedAtMs, nowMs) }
    },
    closed(event) {
      closing.delete(event)
      const waiting = late.get(event) ?? []
      late.delete(event)
      lateCount -= waiting.length
      for (const settle of waiting) settle('closed')
      // Nobody can vote in it any more, so nobody need be remembered; attempts stay known for a while.
      voted.drop(event)
    },
    attemptsLearned() {
      state.attemptsKnown = true
      const waiting = unlearned
      unlearned = []
      for (const { vote, settle } of waiting) {
        const { event, voter, attempt } = vote
        if (attempts.is(event, voter, attempt)) settle('accepted')
        else if (voted.has(event, voter)) settle('duplicate')
        else refuse(event, settle)
      }
    },
    turnAway() {
      for (const voters of pending.values()) {
        for (const { waiting } of voters.values()) {
          waitingCount -= waiting.length
          for (const waiter of waiting.splice(0)) waiter.settle('unavailable')
        }
      }
      for (const waiting of late.values()) {
        lateCount -= waiting.length
        for (const settle of waiting.splice(0)) settle('unavailable')
      }
    },
    abandon() {
      for (const { settle } of unlearned) settle('unavailable')
      unlearned = []
      for (const voters of pending.values()) {
        for (const { waiting } of voters.values()) for (const waiter of waiting) waiter.settle('unavailable')
      }
      pending.clear()
      for (const waiting of late.values()) for (const settle of waiting) settle('unavailable')
      late.clear()
    },
  }
}

/**
 * Learns the attempts of a message that the rest of the state knows already.
 * @param agoMs how long it has been in the log, by the broker's clock.
 */
export const replayAttempts = (
  { attempts }: OwnerState,
  { votes, decisions }: Pick<LogMessage, 'votes' | 'decisions'>,
  agoMs: number,
): void => {
  for (const { event, voter, attempt } of votes) attempts.add(event, voter, attempt, agoMs)
  for (const { attempt } of decisions) if (attempt) attempts.addDecision(attempt, agoMs)
}

/** Brings an owner's state up to a message that stands in the log. @param agoMs how long it has. */
export const replayMessage = (
  state: OwnerState,
  { votes, closings, decisions }: LogMessage,
  agoMs: number,
): void => {
  replayAttempts(state, { votes, decisions }, agoMs)
  for (const { event, voter, ackedAtMs } of votes) {
    if (!state.closed.has(event)) state.voted.add(event, voter)
    state.lastAckedAtMs = Math.max(state.lastAckedAtMs, ackedAtMs)
  }
  for (const { event } of closings) {
    state.closed.add(event)
    state.voted.drop(event)
  }
  for (const { decidedAtMs } of decisions) state.lastAckedAtMs = Math.max(state.lastAckedAtMs, decidedAtMs)
}
