import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { EventNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { castBallot } from './ballot.js'
import { isOpen, type Ledger } from './ledger.js'
import type { DecidableVote } from './operator.js'
import type { Chance } from './random.js'
import type { Voter, Voters } from './voters.js'

export interface VotedEvent {
  readonly id: string
  readonly number: EventNumber
  readonly contestantIds: readonly string[]
}

export interface Load {
  /** From now on a part of the votes goes to this event instead of the last one that was named here. */
  voteBesides(event: VotedEvent): void
  readonly counts: () => { readonly sent: number; readonly open: number; readonly notSent: number }
  /** No new votes; those under way are repeated until answered, or until the wait is over. */
  finish(waitMs: number): Promise<void>
}

interface LoadOptions {
  readonly gatewayUrls: readonly string[]
  readonly main: VotedEvent
  readonly besides: VotedEvent
  readonly voters: Voters
  readonly ids: OpaqueIds
  readonly ledger: Ledger
  readonly chance: Chance
  /** Votes a second, whatever is answered. */
  readonly rate: number
  /** Told of every vote that was acknowledged in another event than the main one. */
  readonly onAcknowledged: (vote: DecidableVote) => void
}

const TICK_MS = 20
/**
 * Votes under way at once; beyond, they are not sent, and that is said. Their repeats must leave the machine
 * enough to recover on: the proxies share this process.
 */
const OPEN_MAX = 1_500
const AGAIN_MS = 250
/** Longer with every try, up to this: a client that waits for an outage to end must not be its own. */
const AGAIN_MS_MAX = 2_000
const BESIDES_SHARE = 0.25
/** Votes of which another follows, with another key, at once or after the first was answered. */
const SECOND_AT_ONCE_SHARE = 0.03
const SECOND_LATER_SHARE = 0.08
const SECOND_WITHIN_MS = 6_000

/** Open-loop: votes come at their rate, whether or not anybody answers. */
export const startLoad = (options: LoadOptions): Load => {
  const { gatewayUrls, main, voters, ids, ledger, chance, rate, onAcknowledged } = options
  let { besides } = options
  let sent = 0
  let notSent = 0
  let open = 0
  let sending = true
  let patient = true

  /** The same attempt again and again, by any gateway and over either interface, until it has its answer. */
  const attempt = async (voter: Voter, event: VotedEvent, contestant: number, second: boolean) => {
    const key = randomUUID()
    const voteId = ids.voteId(event.number, voter.number)
    ledger.write({
      kind: 'attempt',
      key,
      event: event.number,
      voter: voter.number,
      contestant,
      voteId,
      second,
      atMs: Date.now(),
    })
    const { userId, token } = voter
    const ballot = {
      userId,
      token,
      eventId: event.id,
      contestantId: event.contestantIds[contestant] ?? '',
      key,
    }
    let againMs = AGAIN_MS
    for (let turn = chance.whole(0, 3); patient; turn += 1) {
      const over = turn % 2 === 0 ? 'rest' : 'graphql'
      const sentAtMs = Date.now()
      const answer = await castBallot(chance.pick(gatewayUrls), ballot, over)
      ledger.write({ kind: 'answer', key, ...answer, via: over, sentAtMs, atMs: Date.now() })
      if (answer.status === 200 && event !== main) {
        onAcknowledged({ voteId, event: event.number, voter: voter.number })
      }
      if (!isOpen(answer)) return
      await pause(againMs)
      againMs = Math.min(AGAIN_MS_MAX, againMs * 1.5)
    }
  }

  const vote = async (): Promise<void> => {
    const voter = voters.take()
    if (!voter) {
      notSent += 1
      return
    }
    sent += 1
    open += 1
    const event = chance.next() < BESIDES_SHARE ? besides : main
    const contestants = event.contestantIds.length
    const first = chance.whole(0, contestants - 1)
    // Another contestant, so that the log tells which of the two it took.
    const other = (first + chance.whole(1, contestants - 1)) % contestants
    const draw = chance.next()
    const laterMs = chance.whole(0, SECOND_WITHIN_MS)
    if (draw < SECOND_AT_ONCE_SHARE) {
      await Promise.all([attempt(voter, event, first, false), attempt(voter, event, other, true)])
    } else {
      await attempt(voter, event, first, false)
      if (draw < SECOND_AT_ONCE_SHARE + SECOND_LATER_SHARE) {
        await pause(laterMs)
        await attempt(voter, event, other, true)
      }
    }
    open -= 1
  }

  const running = (async () => {
    const beganMs = performance.now()
    for (let due = 0; sending; await pause(TICK_MS)) {
      const target = Math.floor((rate * (performance.now() - beganMs)) / 1_000)
      for (; due < target; due += 1) {
        if (open < OPEN_MAX) void vote()
        else notSent += 1
      }
    }
  })()

  return {
    voteBesides(event) {
      besides = event
    },
    counts: () => ({ sent, open, notSent }),
    async finish(waitMs) {
      sending = false
      await running
      const untilMs = performance.now() + waitMs
      while (open > 0 && performance.now() < untilMs) await pause(TICK_MS)
      patient = false
      // Each try has a timeout of its own.
      while (open > 0) await pause(TICK_MS)
    },
  }
}
