import type { LogPosition } from '@votestream/infra/log-reader'
import type { AppendResult, LookResult } from '@votestream/ingest/group-commit'
import type { EventNumber, VoterNumber } from '@votestream/schema/numbers'
import { createReplay } from '@votestream/schema/replay'
import type { Decision, LogMessage, Vote } from '@votestream/schema/votes'
import type { Kernel } from './kernel.js'
import { violated } from './violation.js'

interface StoredMessage extends LogMessage {
  readonly sequence: number
  readonly id: string
  readonly storedAtMs: number
}

/** One shard's log as the broker keeps it: messages in order, a fence, and ids known again. */
export interface Broker {
  readonly log: readonly StoredMessage[]
  /** @param expected the last sequence before the message; undefined: whatever it is. */
  append(id: string, message: LogMessage, expected: number | undefined): Exclude<AppendResult, 'unknown'>
  look(id: string, expected: number): Exclude<LookResult, 'unknown'>
  position(): LogPosition
  /** When the last message was stored; 0: there is none. */
  lastStoredAtMs(): number
  firstSequenceSince(sinceMs: number): number
  /** The entry of a voter. */
  find(event: EventNumber, voter: VoterNumber): Vote | undefined
  isClosed(event: EventNumber): boolean
  /** The last decision about a vote. */
  lastDecision(event: EventNumber, voter: VoterNumber): Decision | undefined
  hasDecision(attempt: number): boolean
  /** Votes that count by contestant, as of a message of the log. */
  totalsAt(event: EventNumber, sequence: number): readonly number[]
}

export const GENERATION = '2026-01-01T00:00:00Z'

export const createBroker = (kernel: Kernel): Broker => {
  const log: StoredMessage[] = []
  const ids = new Set<string>()
  const entries = new Map<string, Vote>()
  const closed = new Set<EventNumber>()
  const decisions = new Map<string, Decision>()
  const decided = new Set<number>()
  const replay = createReplay()
  const totals = new Map<EventNumber, { readonly sequence: number; readonly totals: readonly number[] }[]>()
  let lastAckedAtMs = 0

  const check = ({ votes, closings, decisions: made }: LogMessage): void => {
    for (const vote of votes) {
      const key = `${vote.event}.${vote.voter}`
      if (entries.has(key)) violated(`voter ${key} is in the log twice`)
      if (closed.has(vote.event)) violated(`a vote of ${key} stands behind the closing`)
      if (vote.ackedAtMs < lastAckedAtMs) violated('acked_at goes back in the log')
      lastAckedAtMs = vote.ackedAtMs
      entries.set(key, { ...vote })
    }
    for (const { event } of closings) {
      if (closed.has(event)) violated(`event ${event} is closed twice`)
      closed.add(event)
    }
    for (const decision of made) {
      const key = `${decision.event}.${decision.voter}`
      if (!entries.has(key)) violated(`a decision about ${key} stands before the vote`)
      if (decision.decidedAtMs < lastAckedAtMs)
        violated(`a decision about ${key} is earlier than what it follows`)
      decisions.set(key, decision)
      decided.add(decision.attempt ?? 0)
    }
  }

  const keepTotals = (message: LogMessage): void => {
    replay.apply(message)
    for (const { event } of [...message.votes, ...message.decisions]) {
      const counted: number[] = []
      for (const [contestant, votes] of replay.books.get(event)?.totals ?? []) counted[contestant] = votes
      const known = totals.get(event) ?? []
      totals.set(event, known)
      known.push({ sequence: log.length, totals: counted })
    }
  }

  return {
    log,
    append(id, message, expected) {
      if (ids.has(id)) return 'stored'
      if (expected !== undefined && expected !== log.length) return 'refused'
      check(message)
      ids.add(id)
      log.push({ ...message, sequence: log.length + 1, id, storedAtMs: kernel.now() })
      keepTotals(message)
      return 'stored'
    },
    look(id, expected) {
      if (log.length === expected) return 'end'
      return log[expected]?.id === id ? 'stored' : 'foreign'
    },
    position: () => ({ generation: GENERATION, firstSequence: 1, lastSequence: log.length }),
    lastStoredAtMs: () => log.at(-1)?.storedAtMs ?? 0,
    firstSequenceSince(sinceMs) {
      const at = log.findIndex(({ storedAtMs }) => storedAtMs >= sinceMs)
      return at < 0 ? log.length + 1 : at + 1
    },
    find: (event, voter) => entries.get(`${event}.${voter}`),
    isClosed: (event) => closed.has(event),
    lastDecision: (event, voter) => decisions.get(`${event}.${voter}`),
    hasDecision: (attempt) => decided.has(attempt),
    totalsAt(event, sequence) {
      const known = totals.get(event) ?? []
      return known.findLast((at) => at.sequence <= sequence)?.totals ?? []
    },
  }
}
