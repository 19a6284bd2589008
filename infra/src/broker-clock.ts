import { setTimeout as pause } from 'node:timers/promises'
import { EVENTS_BUCKET } from '@votestream/schema/subjects'
import type { Logger } from './logging.js'
import type { Nats } from './nats.js'

/** The broker's time, as near as a round trip tells. */
export interface BrokerClock {
  /** Milliseconds since 1970. */
  now(): number
  stop(): void
}

interface BrokerClockOptions {
  /** Asks the broker what time it is, milliseconds since 1970. */
  readonly ask: () => Promise<number>
  readonly logger: Logger
  /** Milliseconds since some moment; never goes back and never jumps. */
  readonly elapsed?: () => number
  readonly everyMs?: number
}

const EVERY_MS = 5_000
/** An answer that took longer says too little. */
const ROUND_TRIP_MAX_MS = 500
const AGAIN_MS = 100

/**
 * Tells the time by the broker's clock instead of this machine's: every instance then goes by the same one, which
 * is also the one that the log's own times are of. A clock of this machine that jumps by an hour begins and closes
 * no event too early or too late, and puts no vote into a window that is not its own. Between two
 * questions, and while the broker is away, the time that passes is counted here.
 * @returns once the broker has told the time.
 */
export const followBrokerClock = async (options: BrokerClockOptions): Promise<BrokerClock> => {
  const { ask, logger, elapsed = () => performance.now(), everyMs = EVERY_MS } = options
  const ended = new AbortController()
  const { signal } = ended
  let aheadMs: number | undefined

  const look = async (): Promise<void> => {
    const askedMs = elapsed()
    const brokerMs = await ask()
    const answeredMs = elapsed()
    if (answeredMs - askedMs > ROUND_TRIP_MAX_MS && aheadMs !== undefined) return
    aheadMs = brokerMs - (askedMs + answeredMs) / 2
  }
  const tried = (): Promise<void> =>
    look().catch((error: unknown) => logger.debug({ err: error }, 'the broker does not tell the time'))
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      await pause(everyMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (!signal.aborted) await tried()
    }
  }

  for (await tried(); aheadMs === undefined; await tried()) await pause(AGAIN_MS)
  void follow()
  return { now: () => Math.round(elapsed() + (aheadMs ?? 0)), stop: () => ended.abort() }
}

/** Whoever keeps a stream says, with its state, what time it is. The events' stands before any service asks. */
export const brokerTimeMs = async (nats: Pick<Nats, 'jsm'>, bucket = EVENTS_BUCKET): Promise<number> => {
  const { ts } = await nats.jsm.streams.info(`KV_${bucket}`)
  if (ts === undefined) throw new Error('this broker is too old to tell the time')
  return Date.parse(ts)
}
