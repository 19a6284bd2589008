/** Failed logins of one kind: how many, fading with time, and when the last one was. */
export interface Failures {
  readonly count: number
  readonly atMs: number
}

/** How failures make the next login wait. */
export interface DelayCurve {
  /** Failures after which the next attempt need not wait. */
  readonly free: number
  /** So many more double the wait, which begins with a second. */
  readonly doubleEvery: number
  readonly delayMaxMs: number
  /** In so long half of the failures are forgotten. */
  readonly halfLifeMs: number
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/**
 * One address that guesses at one account is slowed down soon and hard: five guesses, then 1 s, 2 s, 4 s … 15 minutes.
 * An account that is guessed at from everywhere, and an address that guesses at many accounts, are slowed down later and
 * less: their owners, and an office behind one address, must still get in.
 */
export const DELAY_CURVES = {
  pair: { free: 5, doubleEvery: 1, delayMaxMs: 15 * MINUTE_MS, halfLifeMs: 6 * HOUR_MS },
  account: { free: 50, doubleEvery: 10, delayMaxMs: 30 * SECOND_MS, halfLifeMs: HOUR_MS },
  address: { free: 200, doubleEvery: 20, delayMaxMs: 30 * SECOND_MS, halfLifeMs: HOUR_MS },
} as const satisfies Record<string, DelayCurve>

export type DelayKind = keyof typeof DELAY_CURVES

/** How long after the last failure the next attempt is taken, in milliseconds. */
export const delayMs = ({ free, doubleEvery, delayMaxMs }: DelayCurve, count: number): number => {
  // In whole ones: what fades within seconds is still a failure.
  const over = Math.round(count) - free
  return over < 0 ? 0 : Math.min(delayMaxMs, SECOND_MS * 2 ** (over / doubleEvery))
}

/** Of what is left of the failures after a time. */
const faded = ({ halfLifeMs }: DelayCurve, { count, atMs }: Failures, nowMs: number): number =>
  count * 0.5 ** (Math.max(0, nowMs - atMs) / halfLifeMs)

/** How long an attempt has to wait yet; 0: it may be made now. */
export const waitMs = (curve: DelayCurve, failures: Failures | undefined, nowMs: number): number =>
  failures ? Math.max(0, failures.atMs + delayMs(curve, failures.count) - nowMs) : 0

/** With one more. They are not counted further than to the longest wait, so that it fades as soon as they end. */
export const withFailure = (curve: DelayCurve, failures: Failures | undefined, nowMs: number): Failures => {
  const left = failures ? faded(curve, failures, nowMs) : 0
  return { count: Math.min(countMax(curve), left + 1), atMs: nowMs }
}

/** After so many the wait is the longest. */
export const countMax = ({ free, doubleEvery, delayMaxMs }: DelayCurve): number =>
  Math.ceil(free + doubleEvery * Math.log2(delayMaxMs / SECOND_MS))
