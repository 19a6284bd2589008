import { ARCHIVE_WINDOW_MS } from '@votestream/schema/clickhouse-schema'
import { invalidField } from '@votestream/schema/errors'
import { WINDOW_KEPT_MS, WINDOW_MS } from '@votestream/schema/redis-keys'

/** Lengths of the windows that clients may ask for, in milliseconds. */
export const TALLY_WINDOW_MS = { TEN_SECONDS: WINDOW_MS, MINUTE: ARCHIVE_WINDOW_MS, HOUR: 3_600_000 } as const
export type TallyWindow = keyof typeof TALLY_WINDOW_MS

export interface TimelineRequest {
  readonly window: TallyWindow
  /** Windows that end after this time, milliseconds since 1970. Undefined: as many as `last` says. */
  readonly fromMs: number | undefined
  /** Windows that begin before this time. Undefined: now. */
  readonly toMs: number | undefined
  /** The latest of these windows, so many at most. */
  readonly last: number | undefined
}

/** What to read from where. All times are borders of windows, in milliseconds since 1970. */
export interface TimelinePlan {
  readonly windowMs: number
  /** From here … */
  readonly startMs: number
  /** … to before here. */
  readonly endMs: number
  /**
   * What was acknowledged before the cut comes from the archive, what came at it or later from Redis: so each
   * 10 seconds come from one source alone, and a longer window is the sum of what they hold of it.
   */
  readonly cutMs: number
}

export const WINDOWS_MAX = 1_000
const WINDOWS_DEFAULT = 60
/** Windows times contestants: it bounds an answer. */
const TALLIES_MAX = 100_000
/**
 * How far inside of what Redis keeps the cut lies: more than the clocks of two machines differ. All the rest of
 * the hour the archive may be behind without a seam.
 */
const CUT_MARGIN_MS = 5 * 60_000

/** @throws VotestreamError INVALID_FIELDS */
export const planTimeline = (
  { window, fromMs, toMs, last }: TimelineRequest,
  contestants: number,
  nowMs: number,
): TimelinePlan => {
  const windowMs = TALLY_WINDOW_MS[window]
  if (last !== undefined && (last < 1 || last > WINDOWS_MAX)) {
    throw invalidField('last', `must be from 1 to ${WINDOWS_MAX}`)
  }
  // The window that holds this moment is the last one there can be.
  const endMs = ceilTo(Math.min(toMs ?? nowMs + 1, nowMs + 1), windowMs)
  if (fromMs !== undefined && fromMs >= (toMs ?? nowMs)) throw invalidField('from', 'must lie before `to`')
  const oldestMs = window === 'TEN_SECONDS' ? floorTo(nowMs - WINDOW_KEPT_MS, windowMs) + windowMs : 0
  const earliestMs = fromMs === undefined ? oldestMs : floorTo(fromMs, windowMs)
  if (earliestMs < oldestMs) {
    throw invalidField(
      'from',
      'lies too far back: windows of 10 seconds are kept for an hour. Ask for MINUTE',
    )
  }
  const count = last ?? (fromMs === undefined ? WINDOWS_DEFAULT : (endMs - earliestMs) / windowMs)
  refuseTooMany(count, contestants, last === undefined && fromMs !== undefined ? 'from' : 'last')
  return {
    windowMs,
    startMs: Math.max(0, earliestMs, endMs - count * windowMs),
    endMs,
    cutMs: window === 'TEN_SECONDS' ? 0 : floorTo(nowMs - WINDOW_KEPT_MS + CUT_MARGIN_MS, ARCHIVE_WINDOW_MS),
  }
}

const refuseTooMany = (count: number, contestants: number, field: 'from' | 'last'): void => {
  const max = Math.min(WINDOWS_MAX, Math.floor(TALLIES_MAX / contestants))
  if (count > max) throw invalidField(field, `asks for more than ${max} windows`)
}

export const floorTo = (ms: number, stepMs: number): number => Math.floor(ms / stepMs) * stepMs
const ceilTo = (ms: number, stepMs: number): number => Math.ceil(ms / stepMs) * stepMs
