import { readClaims } from '../model/token-claims.js'
import { backoffMs, pause } from '../model/waiting.js'

/** The token that visitors read with: fetched when needed, and anew before it expires. */
export interface ViewerToken {
  /** Waits until there is one, however long the service is away. */
  get(): Promise<string>
  /** The service refused this one. */
  drop(token: string): void
  /** The service's clock less this machine's, as the last token told. */
  clockOffsetMs(): number
}

interface Held {
  readonly token: string
  readonly renewAtMs: number
}

const RENEW_BEFORE_MS = 60_000
const ASK_TIMEOUT_MS = 5_000
/** Tokens tell whole seconds, so a smaller difference is none. */
const OFFSET_MIN_MS = 2_000

/** @param onRumRatio hears which share of page loads is to measure, whenever the service says so */
export const createViewerToken = (
  url: string,
  onRumRatio: (ratio: number) => void = () => undefined,
): ViewerToken => {
  let held: Held | undefined
  let asking: Promise<string> | undefined
  let offsetMs = 0

  const ask = async (): Promise<string> => {
    for (let tries = 0; ; tries += 1) {
      const { token, rumRatio } = await fetchToken(url)
      if (token !== undefined) onRumRatio(rumRatio)
      const claims = token === undefined ? undefined : readClaims(token)
      if (token !== undefined && claims !== undefined) {
        const nowMs = Date.now()
        const differenceMs = claims.issuedAtMs - nowMs
        offsetMs = Math.abs(differenceMs) > OFFSET_MIN_MS ? differenceMs : 0
        const marginMs = Math.min(RENEW_BEFORE_MS, claims.lifetimeMs / 2)
        held = { token, renewAtMs: nowMs + claims.lifetimeMs - marginMs }
        return token
      }
      await pause(backoffMs(tries, 500, 5_000))
    }
  }

  return {
    get() {
      if (held && Date.now() < held.renewAtMs) return Promise.resolve(held.token)
      asking ??= ask().finally(() => {
        asking = undefined
      })
      return asking
    },
    drop(token) {
      if (held?.token === token) held = undefined
    },
    clockOffsetMs: () => offsetMs,
  }
}

interface Fetched {
  readonly token?: string
  /** 0 where the service says nothing of it. */
  readonly rumRatio: number
}

const NOTHING: Fetched = { rumRatio: 0 }

const fetchToken = async (url: string): Promise<Fetched> => {
  try {
    const response = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })
    if (!response.ok) return NOTHING
    const { token, rum_ratio: ratio } = (await response.json()) as { token?: unknown; rum_ratio?: unknown }
    const rumRatio = typeof ratio === 'number' ? ratio : 0
    return typeof token === 'string' ? { token, rumRatio } : NOTHING
  } catch {
    // Nobody answered, or not in time, or something else than the service did.
    return NOTHING
  }
}
