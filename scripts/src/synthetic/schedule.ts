/** When checks are made, and in which event. */
export interface ProbePace {
  /** Of each event, each by another voter. */
  readonly checks: number
  readonly checksPerHour: number
}

/** Checks are counted from 0 over all events. */
export interface CheckPlace {
  /** Which event, from 0. */
  readonly round: number
  /** Which check of it, and so whose vote, from 0. */
  readonly index: number
}

export type ProbeApi = 'rest' | 'graphql'

const HOUR_MS = 3_600_000
/** Odd, so that both APIs have their turn in it. */
const FRESH_EVERY = 9
/** The next event is made this long before its first check, or when the one before is half over. */
const PREPARE_MS = 30_000

export const intervalMs = ({ checksPerHour }: ProbePace): number => HOUR_MS / checksPerHour

/** How long one event is voted in: an hour, unless its checks are more or fewer than those of an hour. */
export const roundMs = (pace: ProbePace): number => pace.checks * intervalMs(pace)

/** When a check is to be made, milliseconds after the start: whatever became of those before it. */
export const dueMs = (pace: ProbePace, check: number): number => check * intervalMs(pace)

export const placeOf = ({ checks }: ProbePace, check: number): CheckPlace => ({
  round: Math.floor(check / checks),
  index: check % checks,
})

/** In turn. */
export const apiOf = (index: number): ProbeApi => (index % 2 === 0 ? 'rest' : 'graphql')

/** Whether a check looks for its vote on a connection of its own that is opened then, as by somebody who has just come. */
export const isFresh = (index: number): boolean => index % FRESH_EVERY === FRESH_EVERY - 1

/** The check of an event at which the next event is made. */
export const preparesAt = (pace: ProbePace): number =>
  Math.max(Math.ceil(pace.checks / 2), pace.checks - Math.ceil(PREPARE_MS / intervalMs(pace)))
