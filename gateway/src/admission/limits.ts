/** Whom a limit is for. */
export type LimitKind = 'service' | 'api' | 'key' | 'user' | 'address'

/** What came in by one of these is counted together. */
export type Api = 'rest' | 'graphql' | 'websocket'
export const APIS: readonly Api[] = ['rest', 'graphql', 'websocket']

/** A token bucket: what may come at once, and what comes back to it. */
export interface Rate {
  /** More than 0. */
  readonly perSecond: number
  /** 1 or more. What costs more than that is never admitted. */
  readonly burst: number
}

export interface Limits {
  readonly service: Rate
  /** Undefined where only the service's limit stands. */
  readonly apis: Readonly<Record<Api, Rate | undefined>>
  readonly user: Rate
  readonly address: Rate
}

/** What one account of a managed gateway may have in one region, whatever it pays: nothing is set higher. */
export const RATE_CEILING = 250_000

/**
 * The service's are those of a managed gateway. Behind one address may stand an office, a carrier, or a proxy that nobody
 * declared; it gets half of everything. A person votes, looks at boards and comes back: what asks 50 times a second is a
 * program.
 */
export const DEFAULT_LIMITS = {
  service: { perSecond: 10_000, burst: 5_000 },
  user: { perSecond: 50, burst: 200 },
  address: { perSecond: 5_000, burst: 5_000 },
} as const satisfies Omit<Limits, 'apis'>
