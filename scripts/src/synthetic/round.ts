import { setTimeout as pause } from 'node:timers/promises'
import { type Client, createClient } from '../demo/client.js'
import { monotonicMs } from '../load/clock.js'
import type { VotedEvent } from '../load/polling-station.js'
import { within } from '../within.js'
import { type BoardWatch, watchBoard } from './board-watch.js'
import { closeCanaryEvent, createCanaryEvent } from './canary-event.js'
import { runCheck, type Waiting } from './check.js'
import type { Crowd } from './crowd.js'
import { createLedger, type Ledger } from './ledger.js'
import type { CheckOutcome } from './verdict.js'

/** The checks in one canary event. */
export interface Round {
  readonly eventId: string
  /** @param dueAtMs when its vote was to be sent, of the monotonic clock */
  check(index: number, dueAtMs: number): Promise<CheckOutcome>
  /** Closes the event. @throws RequestError */
  close(): Promise<void>
}

export interface RoundOptions {
  readonly url: string
  readonly crowd: Crowd
  /** How long the event is voted in. */
  readonly lastsMs: number
  /** A vote that is seen later is late. */
  readonly withinMs: number
  /** What is not there by then is not waited for. */
  readonly timeoutMs: number
  /** A board was wrong while no check waited for that contestant. */
  readonly onBoardFault: (sentence: string) => void
}

/** More than there may be checks at once, and enough for votes of which nobody knows what became. */
const CONTESTANTS = 100
/** An event that nobody closes is over by itself so long after its last check. */
const OVERTIME_MS = 600_000
/** Until the archive has the event's record, analysts do not know that its votes are canaries. */
const SETTLE_MS = 2_000
const SHOWN_WITHIN_MS = 10_000
/** A connection on which a vote was missed is opened anew, and not more often than this. */
const RENEW_EVERY_MS = 5_000

/** @throws Error when no event can be made, or its board not be followed */
export const openRound = async (options: RoundOptions): Promise<Round> => {
  const { url, crowd, lastsMs, timeoutMs } = options
  const client = createClient(url, 0, timeoutMs)
  const closesAtMs = Date.now() + SETTLE_MS + lastsMs + OVERTIME_MS
  const event = await createCanaryEvent(client, crowd.creator, { contestants: CONTESTANTS, closesAtMs })
  const round = followRound(options, client, event)
  try {
    await within(SHOWN_WITHIN_MS, 'the live connection', round.shown)
    await pause(SETTLE_MS)
    return round
  } catch (error) {
    await round.close().catch(() => undefined)
    throw error
  }
}

const followRound = (
  { url, crowd, withinMs, timeoutMs, onBoardFault }: RoundOptions,
  client: Client,
  event: VotedEvent,
): Round & { readonly shown: Promise<void> } => {
  const ledger = createLedger(event.contestantIds.length)
  const waiting = new Map<number, Waiting>()

  /** @param whose for one check alone; without it, whatever is waited for is looked for */
  const follow = (token: string, whose?: Waiting): BoardWatch => {
    let before: readonly number[] | undefined
    const onTotals = (totals: readonly number[]): void => {
      judgeBoard(ledger, totals, before, { waiting, onBoardFault })
      before = totals
      for (const each of whose ? [whose] : waiting.values()) if (ledger.has(each.ticket, totals)) each.see()
    }
    return watchBoard({ url, token, eventId: event.id, contestantIds: event.contestantIds, onTotals })
  }

  let main = follow(crowd.creator.token)
  let renewedAtMs = monotonicMs()
  const onMissed = (): void => {
    if (monotonicMs() - renewedAtMs < RENEW_EVERY_MS) return
    renewedAtMs = monotonicMs()
    main.close()
    main = follow(crowd.creator.token)
  }
  const context = { client, crowd, event, ledger, waiting, follow, onMissed, withinMs, timeoutMs }

  return {
    eventId: event.id,
    shown: main.shown,
    check: (index, dueAtMs) => runCheck(context, index, dueAtMs),
    async close() {
      main.close()
      await closeCanaryEvent(client, crowd.creator, event)
    },
  }
}

interface Listeners {
  readonly waiting: ReadonlyMap<number, Waiting>
  readonly onBoardFault: (sentence: string) => void
}

/** What is wrong with a board is told to the check that waits for that contestant, if there is one. */
const judgeBoard = (
  ledger: Ledger,
  totals: readonly number[],
  before: readonly number[] | undefined,
  { waiting, onBoardFault }: Listeners,
): void => {
  for (const { contestant, sentence } of ledger.faults(totals, before)) {
    const check = waiting.get(contestant)
    if (check) check.fail(sentence)
    else onBoardFault(sentence)
  }
}
