import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '../demo/client.js'
import { monotonicMs } from '../load/clock.js'
import type { VotedEvent } from '../load/polling-station.js'
import { settling } from '../load/settling.js'
import type { BoardWatch } from './board-watch.js'
import { castVote } from './canary-vote.js'
import type { Crowd } from './crowd.js'
import type { Ledger, Ticket } from './ledger.js'
import { apiOf, isFresh } from './schedule.js'
import type { CheckOutcome, CheckResult } from './verdict.js'

/** A check whose vote is to come onto a board. */
export interface Waiting {
  readonly ticket: Ticket
  /** A board has it. */
  see(): void
  /** A board cannot be right. */
  fail(sentence: string): void
}

export interface CheckContext {
  readonly client: Client
  readonly crowd: Crowd
  readonly event: VotedEvent
  readonly ledger: Ledger
  /** By contestant. */
  readonly waiting: Map<number, Waiting>
  /** Opens a connection that looks for one vote alone. */
  readonly follow: (token: string, whose: Waiting) => BoardWatch
  /** The connection that all others share missed a vote. */
  readonly onMissed: () => void
  readonly withinMs: number
  readonly timeoutMs: number
}

/** @param dueAtMs when the vote was to be sent, of the monotonic clock */
export const runCheck = async (
  context: CheckContext,
  index: number,
  dueAtMs: number,
): Promise<CheckOutcome> => {
  const { client, crowd, event, ledger, waiting, follow } = context
  const api = apiOf(index)
  const latenessMs = Math.max(0, monotonicMs() - dueAtMs)
  const end: End = (result, why = '', legs = {}) => ({
    ...{ api, result, why, acknowledgedMs: null, seenMs: null, latenessMs },
    ...legs,
  })
  const voter = crowd.voters[index]
  const ticket = voter && ledger.begin(monotonicMs())
  if (!ticket) return end('skipped', voter ? 'every contestant has a vote on its way' : 'there is no voter')
  const sight = createSight(ticket)
  const fresh = isFresh(index) ? follow(voter.token, sight) : undefined
  // What the other connections show may be wrong all the same.
  waiting.set(ticket.contestant, fresh ? { ...sight, see: () => undefined } : sight)
  try {
    const contestantId = event.contestantIds[ticket.contestant] ?? ''
    const { fate, isAnswered, why } = await castVote(client, { api, voter, eventId: event.id, contestantId })
    const answeredAtMs = monotonicMs()
    ledger.answered(ticket, fate, answeredAtMs)
    if (fate !== 'acknowledged') return end(isAnswered ? 'refused' : 'unanswered', why)
    return await endOnBoard(context, end, sight, { dueAtMs, answeredAtMs, isFresh: fresh !== undefined })
  } finally {
    fresh?.close()
    waiting.delete(ticket.contestant)
    ledger.settle(ticket)
  }
}

type End = (result: CheckResult, why?: string, legs?: Partial<CheckOutcome>) => CheckOutcome

interface Moments {
  readonly dueAtMs: number
  readonly answeredAtMs: number
  readonly isFresh: boolean
}

const endOnBoard = async (
  { withinMs, timeoutMs, onMissed }: CheckContext,
  end: End,
  sight: Sight,
  { dueAtMs, answeredAtMs, isFresh: onItsOwn }: Moments,
): Promise<CheckOutcome> => {
  const acknowledgedMs = answeredAtMs - dueAtMs
  const seenAtMs = await inTime(sight.seenAtMs, dueAtMs + timeoutMs - answeredAtMs)
  const fault = sight.fault()
  if (fault !== undefined) return end('wrong', fault, { acknowledgedMs })
  if (seenAtMs === undefined) {
    if (!onItsOwn) onMissed()
    return end('unseen', onItsOwn ? 'on a fresh connection' : '', { acknowledgedMs })
  }
  const seenMs = seenAtMs - dueAtMs
  return end(seenMs <= withinMs ? 'ok' : 'late', '', { acknowledgedMs, seenMs })
}

interface Sight extends Waiting {
  /** Settled by the first board that has the vote, or that cannot be right; of the monotonic clock. */
  readonly seenAtMs: Promise<number>
  fault(): string | undefined
}

const createSight = (ticket: Ticket): Sight => {
  const seen = settling<number>()
  let fault: string | undefined
  return {
    ticket,
    seenAtMs: seen.promise,
    fault: () => fault,
    see: () => seen.resolve(monotonicMs()),
    fail(sentence) {
      fault ??= sentence
      seen.resolve(monotonicMs())
    },
  }
}

/** Undefined when the time is up first. */
const inTime = async (seen: Promise<number>, ms: number): Promise<number | undefined> => {
  const over = new AbortController()
  const late = pause(Math.max(0, ms), undefined, { signal: over.signal }).catch(() => undefined)
  try {
    return await Promise.race([seen, late])
  } finally {
    over.abort()
  }
}
