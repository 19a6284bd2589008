/** When requests are sent. */
export type Pace = OpenPace | ClosedPace

/** At a rate, whatever is answered: request k has its time, and its latency counts from that time. */
export interface OpenPace {
  readonly mode: 'open'
  /** Requests a second, all processes together. */
  readonly perSecond: number
  /** The rate grows evenly to the full one for so long; what is sent meanwhile is not in the latencies. */
  readonly rampSeconds: number
  /** At the full rate. */
  readonly seconds: number
}

/** As fast as answers come: each connection sends when it was answered. */
export interface ClosedPace {
  readonly mode: 'closed'
  /** Not measured. */
  readonly rampSeconds: number
  readonly seconds: number
}

/** How many requests a pace has, from its first to its last moment. */
export const requestsOf = ({ perSecond, rampSeconds, seconds }: OpenPace): number =>
  Math.floor(perSecond * (rampSeconds / 2 + seconds))

/**
 * When request k is to be sent, milliseconds after the start. While the rate grows evenly from 0 to R over a ramp of
 * T seconds, t²·R/2T requests have been sent at t; afterwards the rate is R.
 */
export const intendedMs = ({ perSecond, rampSeconds }: OpenPace, index: number): number => {
  const inRamp = (perSecond * rampSeconds) / 2
  if (index < inRamp) return 1_000 * Math.sqrt((2 * index * rampSeconds) / perSecond)
  return 1_000 * (rampSeconds + (index - inRamp) / perSecond)
}

/** Requests a second that are asked for at the middle of a second after the start, counted from 0; null when closed. */
export const askedAt = (pace: Pace, second: number): number | null => {
  if (pace.mode === 'closed') return null
  const at = second + 0.5
  if (at > pace.rampSeconds + pace.seconds) return 0
  return at < pace.rampSeconds ? (pace.perSecond * at) / pace.rampSeconds : pace.perSecond
}

/** From the start to the last moment at which something is sent. */
export const spanMs = ({ rampSeconds, seconds }: Pace): number => 1_000 * (rampSeconds + seconds)
