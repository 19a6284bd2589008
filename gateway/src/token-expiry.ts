export interface TokenExpiryOptions {
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number
  /** How long after it; a token that was taken back has none. */
  readonly graceMs: number
  /** Whether the token is valid at this moment, by the clock that tokens are verified with. */
  readonly valid: () => boolean
  /** Calls whenever tokens were taken back. @returns how to stop that */
  readonly onRevocation: (listener: () => void) => () => void
  /** Whether something that began while it was valid has no answer yet. */
  readonly busy: () => boolean
  readonly onExpired: () => void
}

/** Longest wait of a timer: one that is longer would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1
/** How often it is looked whether the last answer is out: nothing begins any more, so this ends. */
const BUSY_AGAIN_MS = 50

/** Calls once when a token is no longer valid, the grace is over, and all that it began is answered. @returns how to stop waiting. */
export const watchExpiry = ({
  expiresAtMs,
  graceMs,
  valid,
  onRevocation,
  busy,
  onExpired,
}: TokenExpiryOptions): (() => void) => {
  let timer: NodeJS.Timeout
  let graceEndsAtMs: number | undefined
  const look = (): void => {
    const isValid = valid()
    if (!isValid) graceEndsAtMs ??= performance.now() + (Date.now() < expiresAtMs ? 0 : graceMs)
    const graceMsLeft = (graceEndsAtMs ?? 0) - performance.now()
    if (isValid) wait(expiresAtMs - Date.now())
    else if (graceMsLeft > 0) wait(graceMsLeft)
    else if (busy()) wait(BUSY_AGAIN_MS)
    else onExpired()
  }
  const wait = (ms: number): void => {
    timer = setTimeout(look, Math.min(TIMER_MAX_MS, Math.max(1, ms))).unref()
  }
  wait(expiresAtMs - Date.now())
  const forget = onRevocation(() => {
    if (valid()) return
    clearTimeout(timer)
    look()
  })
  return () => {
    clearTimeout(timer)
    forget()
  }
}
