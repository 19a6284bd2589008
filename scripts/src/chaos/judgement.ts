import type { Verdict } from '@votestream/schema/votes'
import { type AttemptRecord, attemptsOf, type LedgerLine } from './ledger.js'
import type { FaultName } from './schedule.js'

/** An entry of the log, and what the rules of counting make of it. */
export interface LoggedVote {
  readonly shard: number
  readonly sequence: number
  readonly event: number
  readonly voter: number
  readonly contestant: number
  readonly outcome: 'counted' | 'rejected' | 'superseded'
  readonly ackedAtMs: number
}

export interface LogContents {
  readonly shards: number
  readonly votes: readonly LoggedVote[]
  readonly closings: readonly { readonly shard: number; readonly event: number }[]
  readonly decisions: readonly Decided[]
}

/** An operator's decision. */
export interface Decided {
  readonly event: number
  readonly voter: number
  readonly verdict: Verdict
}

/** What can be wrong, in the columns of the report. */
export type Column = 'lost' | 'doubled' | 'stuck' | 'late' | 'other'

export interface Violation {
  readonly column: Column
  readonly what: string
  /** When the vote at fault was first sent; undefined where no vote is at fault. */
  readonly atMs: number | undefined
  /** The fault behind it, where that is known. */
  readonly fault?: FaultName
  readonly detail: string
}

/** A repeat with the same key gets the same answer for this long; later the vote itself answers, with 409. */
const REMEMBERED_MS = 28_000

/** The broker tells when a vote was acknowledged, the client when it was sent: clocks of one machine. */
const CLOCK_TOLERANCE_MS = 1_000

/** What clients were told, against what the log holds. Contestants tell the attempts of a voter apart. */
export const judge = (lines: readonly LedgerLine[], log: LogContents): Violation[] => {
  const attempts = attemptsOf(lines)
  const logged = new Map<string, LoggedVote[]>()
  for (const vote of log.votes) {
    const name = nameOf(vote)
    const entries = logged.get(name)
    if (entries) entries.push(vote)
    else logged.set(name, [vote])
  }
  const closing = new Set(lines.filter(({ kind }) => kind === 'closing').map((line) => eventOf(line)))
  const decisions = lines.filter((line) => line.kind === 'decision')
  const rejected = new Set(decisions.filter(({ verdict }) => verdict === 'reject').map(nameOf))
  const asked = { closing, rejected }
  return [
    ...attempts.flatMap((record) => judgeAttempt(record, logged.get(nameOf(record.attempt)) ?? [], asked)),
    ...judgeVoters(attempts, logged),
    ...judgeClosings(lines, log),
    ...judgeDecisions(lines, log),
  ]
}

/** What operators asked for, whether or not it was answered. */
interface Asked {
  readonly closing: ReadonlySet<number | undefined>
  /** Names of the votes that are to be rejected. */
  readonly rejected: ReadonlySet<string>
}

interface Voted {
  readonly event: number
  readonly voter: number
}
const nameOf = ({ event, voter }: Voted): string => `${event}.${voter}`
const eventOf = (line: LedgerLine): number | undefined => ('event' in line ? line.event : undefined)

/** One attempt, and the entries of its voter in its event. */
const judgeAttempt = (
  record: AttemptRecord,
  entries: readonly LoggedVote[],
  { closing, rejected }: Asked,
): Violation[] => {
  const { attempt, final } = record
  const found = (column: Column, what: string): Violation[] => [
    { column, what, atMs: attempt.atMs, detail: JSON.stringify({ ...record, entries }) },
  ]
  if (!final) return found('stuck', 'an attempt without an answer')
  const entry = entries.find(({ contestant }) => contestant === attempt.contestant)
  const isRemembered = final.atMs - attempt.atMs < REMEMBERED_MS
  switch (final.status) {
    case 200:
      if (!entry) return found('lost', '200 and not in the log')
      if (entry.outcome !== 'counted' && !(entry.outcome === 'rejected' && rejected.has(nameOf(entry)))) {
        return found('lost', `200 and ${entry.outcome}`)
      }
      if (final.voteId !== attempt.voteId) return found('other', '200 with another vote_id')
      if (!isBetween(entry.ackedAtMs, attempt.atMs, final.atMs)) {
        return found('other', 'acknowledged at a time that it was not under way')
      }
      return []
    case 409:
      if (final.code !== 'DUPLICATE_VOTE') return found('other', `409 ${final.code}`)
      if (entries.length === 0) return found('lost', '409 without a logged vote')
      if (final.voteId !== attempt.voteId) return found('other', '409 with another vote_id')
      if (entry && isRemembered) return found('other', "409 for the logged vote's own attempt")
      return []
    default:
      if (final.status !== 403 || final.code !== 'VOTING_CLOSED' || !closing.has(attempt.event)) {
        return found('other', `wrongly refused: ${final.status} ${final.code}`)
      }
      if (entry && isRemembered) return found('other', 'finally refused and in the log')
      return []
  }
}

const isBetween = (atMs: number, fromMs: number, untilMs: number): boolean =>
  atMs >= fromMs - CLOCK_TOLERANCE_MS && atMs <= untilMs + CLOCK_TOLERANCE_MS

/** What concerns a voter, whichever attempt it was. */
const judgeVoters = (
  attempts: readonly AttemptRecord[],
  logged: ReadonlyMap<string, readonly LoggedVote[]>,
): Violation[] => {
  const known = new Map<string, { atMs: number; contestants: Set<number>; accepted: number }>()
  for (const { attempt, final } of attempts) {
    const voter = known.get(nameOf(attempt)) ?? { atMs: attempt.atMs, contestants: new Set(), accepted: 0 }
    voter.contestants.add(attempt.contestant)
    if (final?.status === 200) voter.accepted += 1
    known.set(nameOf(attempt), voter)
  }
  const violations: Violation[] = []
  for (const [name, { accepted, atMs }] of known) {
    if (accepted > 1) {
      violations.push({ column: 'doubled', what: 'two attempts answered 200', atMs, detail: name })
    }
  }
  for (const [name, entries] of logged) {
    const voter = known.get(name)
    const detail = JSON.stringify(entries)
    if (entries.length > 1) {
      violations.push({ column: 'doubled', what: 'in the log twice', atMs: voter?.atMs, detail })
    }
    if (entries.some(({ contestant }) => !voter?.contestants.has(contestant))) {
      violations.push({ column: 'other', what: 'in the log and never sent', atMs: voter?.atMs, detail })
    }
  }
  return violations
}

/** An event whose closing was answered is closed in every shard; one that nobody closed is closed in none. */
const judgeClosings = (lines: readonly LedgerLine[], log: LogContents): Violation[] => {
  const closing = new Set(lines.filter(({ kind }) => kind === 'closing').map((line) => eventOf(line)))
  const unasked = log.closings
    .filter(({ event }) => !closing.has(event))
    .map((entry) => ({
      column: 'other' as const,
      what: 'closed by nobody',
      atMs: undefined,
      detail: JSON.stringify(entry),
    }))
  const missing = lines
    .filter((line) => line.kind === 'closed')
    .flatMap(({ event, atMs }) =>
      Array.from({ length: log.shards }, (_, shard) => shard)
        .filter(
          (shard) => !log.closings.some((closing) => closing.shard === shard && closing.event === event),
        )
        .map((shard) => ({
          column: 'lost' as const,
          what: 'a closing answered and not in the log',
          atMs,
          detail: `event ${event}, shard ${shard}`,
        })),
    )
  return [...unasked, ...missing]
}

/** A decision that was answered is in the log; none is there that nobody made. */
const judgeDecisions = (lines: readonly LedgerLine[], log: LogContents): Violation[] => {
  const made = lines.filter((line) => line.kind === 'decision')
  const answered = new Set(lines.flatMap((line) => (line.kind === 'decided' ? [line.name] : [])))
  const sentence = (decided: Decided): string => `${decided.verdict} ${nameOf(decided)}`
  const logged = new Set(log.decisions.map(sentence))
  const asked = new Set(made.map(sentence))
  return [
    ...made
      .filter((decision) => answered.has(decision.name) && !logged.has(sentence(decision)))
      .map((decision) => ({
        column: 'lost' as const,
        what: 'a decision answered and not in the log',
        atMs: decision.atMs,
        detail: sentence(decision),
      })),
    ...log.decisions
      .filter((decided) => !asked.has(sentence(decided)))
      .map((decided) => ({
        column: 'other' as const,
        what: 'a decision in the log that nobody made',
        atMs: undefined,
        detail: sentence(decided),
      })),
  ]
}
