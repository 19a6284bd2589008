import type { QuotaRecord } from '@votestream/schema/quota-record'
import type { Quota, QuotaPeriod } from '@votestream/schema/usage-plan'

/**
 * How a quota is shared by gateways without asking each other for every request. What a gateway may let through it first
 * takes from the key's record, in one write over the revision that it read: so all of them together never let through
 * more than the limit. A busy key is taken for ahead of need, at most for a second of its plan's rate; what is not needed
 * goes back.
 */

/** When a period begins and ends, milliseconds since 1970. */
export interface Span {
  readonly startMs: number
  readonly endMs: number
}

const DAY_MS = 86_400_000
const WEEK_DAYS = 7
/** The first of January 1970 was a Thursday. */
const FIRST_WEEKDAY = 3

/** The period that a time is in, by the calendar of UTC; weeks begin on Monday. */
export const spanOf = (period: QuotaPeriod, atMs: number): Span => {
  const day = Math.floor(atMs / DAY_MS)
  if (period === 'day') return { startMs: day * DAY_MS, endMs: (day + 1) * DAY_MS }
  if (period === 'week') {
    const monday = day - ((((day + FIRST_WEEKDAY) % WEEK_DAYS) + WEEK_DAYS) % WEEK_DAYS)
    return { startMs: monday * DAY_MS, endMs: (monday + WEEK_DAYS) * DAY_MS }
  }
  const date = new Date(atMs)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return { startMs: Date.UTC(year, month), endMs: Date.UTC(year, month + 1) }
}

/** Where a key stands in its current period. */
interface Standing extends Span {
  readonly taken: number
  readonly held: number
}

/** A record of a period that has not begun by this clock is taken at its word: nobody counts a period twice. */
const standingOf = (record: QuotaRecord | undefined, quota: Quota, nowMs: number): Standing => {
  const span = spanOf(quota.period, nowMs)
  if (!record || record.period !== quota.period || record.startMs < span.startMs)
    return { ...span, taken: 0, held: 0 }
  return { ...spanOf(record.period, record.startMs), taken: record.taken, held: record.held }
}

/** What a gateway tells of what it took before. */
export interface Report {
  /** Of the period that it is about; of another than the current one it is of no interest any more. */
  readonly startMs: number
  /** Let through since the last report, less what the record counts as used already. */
  readonly used: number
  /** Given back. */
  readonly back: number
}

/** What a gateway wants. Zero and zero: nothing, it only reports. */
export interface Want {
  /** For requests that wait. */
  readonly needed: number
  /** With less than this none of them can go. */
  readonly atLeast: number
  /** Beyond that, for requests that are expected within a second. */
  readonly ahead: number
}

export interface Exchange extends Span {
  /** Undefined: as it stands. */
  readonly record: QuotaRecord | undefined
  readonly granted: number
  /** How much of what was granted the record counts as used at once: what waits is as good as used. */
  readonly prepaid: number
  /** What the limit leaves after it. */
  readonly available: number
}

interface ExchangeOptions {
  readonly record: QuotaRecord | undefined
  readonly quota: Quota
  readonly ratePerSecond: number
  readonly nowMs: number
  readonly report: Report
  readonly want: Want
}

/** One write of a key's record. */
export const exchange = (options: ExchangeOptions): Exchange => {
  const { record, quota, ratePerSecond, nowMs, report, want } = options
  const { startMs, endMs, taken, held } = standingOf(record, quota, nowMs)
  const told = report.startMs === startMs ? report : { used: 0, back: 0 }
  const takenBefore = Math.max(0, taken - told.back)
  const free = Math.max(0, quota.limit - takenBefore)
  const granted = free < want.atLeast ? 0 : grantOf(want, free, ratePerSecond)
  const prepaid = Math.min(granted, want.needed)
  const heldBefore = Math.max(0, held - told.used - told.back)
  const next: QuotaRecord = {
    version: 1,
    period: quota.period,
    startMs,
    taken: takenBefore + granted,
    held: heldBefore + granted - prepaid,
  }
  const isNews = granted > 0 || told.used !== 0 || told.back !== 0
  return { startMs, endMs, record: isNews ? next : undefined, granted, prepaid, available: free - granted }
}

/** The nearer the end, the less is taken ahead; at the end, nothing: the last requests find what is left, wherever they go. */
const AHEAD_SHARE = 16

const grantOf = ({ needed, ahead }: Want, free: number, ratePerSecond: number): number => {
  const most = Math.min(ahead, Math.ceil(ratePerSecond), Math.floor(free / AHEAD_SHARE))
  return Math.min(free, Math.max(needed, most))
}

/** A gateway that lives has used or given back by then what it held. */
const HELD_MS_MAX = 3_000
/** When it makes sense to try again where others may give something back. */
const BACK_SOON_MS = 1_000

/** What was used of a quota, and what is left of it. */
export interface Usage extends Span {
  readonly used: number
  readonly remaining: number
}

export interface StoredUsage {
  readonly record: QuotaRecord
  readonly writtenAtMs: number
}

/** What is held in a record for longer than any gateway holds something was of one that died: it counts as used. */
export const usageOf = (stored: StoredUsage | undefined, quota: Quota, nowMs: number): Usage => {
  const { startMs, endMs, taken, held } = standingOf(stored?.record, quota, nowMs)
  const isHeld = stored !== undefined && nowMs - stored.writtenAtMs < HELD_MS_MAX
  const used = Math.max(0, isHeld ? taken - held : taken)
  return { startMs, endMs, used, remaining: Math.max(0, quota.limit - used) }
}

/** How long a request that found no room for its cost should wait: for others to give back, or for the next period. */
export const retryAfterMs = ({ endMs, remaining }: Usage, cost: number, nowMs: number): number =>
  remaining >= cost ? BACK_SOON_MS : Math.max(1, endMs - nowMs)
