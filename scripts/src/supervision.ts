/** How a child that dies is brought back. */
export interface RestartPolicy {
  readonly firstDelayMs: number
  readonly delayMsMax: number
  /** A child that ran this long before it died starts over at the first delay. */
  readonly ranWellMs: number
}

export const defaultRestartPolicy: RestartPolicy = {
  firstDelayMs: 250,
  delayMsMax: 10_000,
  ranWellMs: 30_000,
}

export interface RestartDecision {
  /** Deaths in a row, this one included. */
  readonly failures: number
  readonly delayMs: number
}

/** How long to wait before the next try: doubled with every death in a row, never beyond the maximum. */
export function decideRestart(
  policy: RestartPolicy,
  before: { readonly failures: number; readonly ranMs: number },
): RestartDecision {
  const failures = before.ranMs >= policy.ranWellMs ? 1 : before.failures + 1
  // The exponent is bounded so that the doubling cannot overflow.
  const doublings = Math.min(failures - 1, 30)
  return { failures, delayMs: Math.min(policy.firstDelayMs * 2 ** doublings, policy.delayMsMax) }
}

/**
 * How long one child may take to stop, when so much is left for it and all that come after it: its own limit,
 * but always leaving a little for each of the others, so that the whole never takes longer than planned.
 */
export function stopTimeout(input: {
  readonly ownMs: number
  readonly leftMs: number
  readonly othersAfter: number
}): number {
  const reservedMs = input.othersAfter * minimumStopMs
  return Math.max(minimumStopMs, Math.min(input.ownMs, input.leftMs - reservedMs))
}

const minimumStopMs = 250
