import type { Decision } from '@votestream/schema/votes'
import type { OwnerState } from './shard-owner.js'

/**
 * An owner's part in operators' decisions, as a machine: nothing here talks to a server. Whether the voter has an
 * entry is not asked: who counts ignores a decision about nobody's vote, and a vote that is on its way to disk
 * stands before the decision, in an earlier message or in the same one.
 */
export interface DecisionDesk {
  /**
   * Takes a request. A copy of one that is on its way shares its fate; a copy of one that is in the log is told so
   * and appended no more, for it may come after a later decision about the same vote, which must stand.
   * @param settle told once: true: it is on disk; false: not known here, ask again.
   * @returns the decision to append, when this one is new.
   */
  take(request: Decision, settle: (decided: boolean) => void, nowMs: number): Decision | undefined
  /** Answers everyone who waits for this decision: it is on disk. */
  stored(decision: Decision): void
  /** The log has no room: answers everyone who waits. What is on its way stays on its way. */
  turnAway(): void
  /** Answers everyone who waits: this owner cannot tell what became of their decisions. */
  abandon(): void
}

/** Decisions on their way to disk, and those who wait for one: beyond, they are to ask again. */
const PENDING_MAX = 1_000
const WAITING_MAX = 100

interface Pending {
  readonly decision: Decision
  waiting: ((decided: boolean) => void)[]
}

export const createDecisionDesk = (state: OwnerState): DecisionDesk => {
  const { attempts } = state
  const pending = new Set<Pending>()

  const settleAll = (entry: Pending, decided: boolean): void => {
    const { waiting } = entry
    entry.waiting = []
    for (const settle of waiting) settle(decided)
  }
  const named = (attempt: number): Pending | undefined => {
    if (attempt > 0) for (const entry of pending) if (entry.decision.attempt === attempt) return entry
    return undefined
  }

  return {
    take(request, settle, nowMs) {
      const { attempt = 0 } = request
      const under = named(attempt)
      if (under) {
        if (under.waiting.length < WAITING_MAX) under.waiting.push(settle)
        else settle(false)
        return undefined
      }
      if (attempts.isDecision(attempt)) {
        settle(true)
        return undefined
      }
      // Before the takeover has been learned, this may be a late copy.
      if (!state.attemptsKnown || pending.size >= PENDING_MAX) {
        settle(false)
        return undefined
      }
      // One clock for all that stands in the log: no decision is earlier than a vote that stands before it.
      state.lastAckedAtMs = Math.max(state.lastAckedAtMs, nowMs)
      const decision: Decision = { ...request, decidedAtMs: state.lastAckedAtMs }
      pending.add({ decision, waiting: [settle] })
      return decision
    },
    stored(decision) {
      if (decision.attempt) attempts.addDecision(decision.attempt)
      for (const entry of pending) {
        if (entry.decision !== decision) continue
        pending.delete(entry)
        settleAll(entry, true)
      }
    },
    turnAway() {
      for (const entry of pending) settleAll(entry, false)
    },
    abandon() {
      for (const entry of pending) settleAll(entry, false)
      pending.clear()
    },
  }
}
