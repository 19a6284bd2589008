import type { ApiKey } from './api-key.js'
import {
  type Exchange,
  type Report,
  retryAfterMs,
  type StoredUsage,
  type Usage,
  usageOf,
  type Want,
} from './quota-decision.js'

/** A key's quota, as far as this gateway has a hand in it. Nothing here waits, or looks at a clock. */
export interface QuotaHolding {
  key: ApiKey
  /** The period that the rest is about; zero and zero: none yet. */
  startMs: number
  endMs: number
  /** What may be let through without asking. */
  left: number
  /** Down there more is fetched, while nobody waits; negative: never. */
  lowWater: number
  /** What the next report says: see `Report`. */
  used: number
  back: number
  /** Let through since the last flush, and between the two before it: what to expect. */
  usedNow: number
  usedBefore: number
  idleFlushes: number
  /** Costs of requests that wait for the next exchange, and the least of them. */
  wanted: number
  wantedLeast: number
  /** Until a time, what costs as much is refused without asking. */
  refusal: { readonly atLeast: number; readonly untilMs: number; readonly retryAtMs: number } | undefined
  usage: Usage | undefined
}

/** How long a refusal is repeated before the record is looked at again: somebody may have given back. */
const REFUSE_MS = 1_000
/** A key that nobody showed for so many flushes is forgotten. */
const IDLE_FLUSHES_MAX = 60

export const newHolding = (key: ApiKey): QuotaHolding => ({
  ...{ key, startMs: 0, endMs: 0, left: 0, lowWater: -1, used: 0, back: 0 },
  ...{ usedNow: 0, usedBefore: 0, idleFlushes: 0, wanted: 0, wantedLeast: Number.POSITIVE_INFINITY },
  ...{ refusal: undefined, usage: undefined },
})

/** @returns undefined where there was room; milliseconds to wait where there is none; `ask` where nobody here knows. */
export const takeAtHand = (
  holding: QuotaHolding,
  cost: number,
  nowMs: number,
): number | undefined | 'ask' => {
  if (nowMs >= holding.endMs) begin(holding, 0, 0)
  if (holding.left >= cost) {
    holding.left -= cost
    holding.used += cost
    holding.usedNow += cost
    return undefined
  }
  const { refusal } = holding
  if (!refusal || cost < refusal.atLeast || nowMs >= refusal.untilMs) return 'ask'
  return Math.max(1, refusal.retryAtMs - nowMs)
}

export const expectNext = (holding: QuotaHolding, cost: number): void => {
  holding.wanted += cost
  if (cost > 0) holding.wantedLeast = Math.min(holding.wantedLeast, cost)
}

/** What the next exchange is to bring, for all who wait. Whoever comes later waits for the one after it. */
export const drawWant = (holding: QuotaHolding): Want => {
  const { key, wanted, wantedLeast, left, usedNow, usedBefore } = holding
  const expected = Math.max(usedNow, usedBefore) + wanted
  holding.wanted = 0
  holding.wantedLeast = Number.POSITIVE_INFINITY
  return {
    needed: Math.max(0, wanted - left),
    atLeast: wanted === 0 ? 0 : Math.max(0, wantedLeast - left),
    // With what is at hand, as much as a second takes, at most.
    ahead: Math.max(0, Math.min(expected, Math.ceil(key.plan.ratePerSecond)) - left),
  }
}

export const drawReport = (holding: QuotaHolding): Report => {
  const { startMs, used, back } = holding
  holding.used = 0
  holding.back = 0
  return { startMs, used, back }
}

/** For a report that certainly was not written. */
export const keepReport = (holding: QuotaHolding, { startMs, used, back }: Report): void => {
  if (holding.startMs !== startMs) return
  holding.used += used
  holding.back += back
}

/** What was granted for a period that is over by now is for nobody: whoever waits asks again. */
export const settle = (holding: QuotaHolding, traded: Exchange, want: Want, nowMs: number): void => {
  const { startMs, endMs, granted, prepaid } = traded
  if (nowMs >= endMs) return
  if (holding.startMs !== startMs) begin(holding, startMs, endMs)
  holding.left += granted
  holding.used -= prepaid
  if (want.needed > 0 || want.ahead > 0)
    holding.lowWater = granted > prepaid ? Math.floor((holding.left - prepaid) / 2) : -1
}

/** @param stored the record as it stands after the exchange. */
export const learnUsage = (
  holding: QuotaHolding,
  stored: StoredUsage | undefined,
  refused: Want | undefined,
  nowMs: number,
): void => {
  const { quota } = holding.key.plan
  if (!quota) return
  holding.usage = usageOf(stored, quota, nowMs)
  if (!refused) return
  const atLeast = refused.atLeast + holding.left
  const retryAtMs = nowMs + retryAfterMs(holding.usage, atLeast, nowMs)
  holding.refusal = { atLeast, untilMs: nowMs + REFUSE_MS, retryAtMs }
}

/** A request waits for a grant no longer than this many flushes. */
const WAITING_FLUSHES_MAX = 3

/**
 * Puts aside for the record whatever is more than a key needed since the last flush: it may need that in the next. What was
 * just granted to those who wait is theirs.
 */
export const rest = (holding: QuotaHolding): void => {
  holding.idleFlushes = holding.usedNow === 0 ? holding.idleFlushes + 1 : 0
  holding.usedBefore = holding.usedNow
  holding.usedNow = 0
  const granted = holding.idleFlushes > WAITING_FLUSHES_MAX ? 0 : Math.max(0, -holding.used)
  giveBack(holding, Math.max(holding.usedBefore, granted))
}

export const giveBack = (holding: QuotaHolding, keep: number): void => {
  const back = Math.max(0, holding.left - keep)
  holding.left -= back
  holding.back += back
}

/** What is used already by the record, and not yet taken, is no news. */
export const hasReport = ({ used, back }: QuotaHolding): boolean => used > 0 || back > 0

export const isForgettable = (holding: QuotaHolding): boolean =>
  holding.idleFlushes >= IDLE_FLUSHES_MAX && holding.left === 0 && holding.wanted === 0 && !hasReport(holding)

/** Nothing of another period is of use. */
const begin = (holding: QuotaHolding, startMs: number, endMs: number): void => {
  holding.startMs = startMs
  holding.endMs = endMs
  holding.left = 0
  holding.lowWater = -1
  holding.used = 0
  holding.back = 0
  holding.refusal = undefined
}
