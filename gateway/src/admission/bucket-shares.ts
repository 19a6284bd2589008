import type { Logger } from '@votestream/infra/logging'
import { type Bucket, type Grant, type Plea, plead, settle } from './gcra.js'

/**
 * The buckets of this replica that have their tokens from those that all replicas share.
 *
 * Tokens are leased before they are spent, so the replicas together never spend more than a shared bucket gave: in any
 * time t at most burst + rate × (t + 25 ms), however many they are and wherever the requests come in. What one replica
 * holds and another one lacks is given back within one turn of `TURN_MS`; at a shared bucket that is pressed, 25 ms of each
 * replica's own demand are out. A replica that dies takes no more with it than it held.
 *
 * A bucket that only those hold who use it (of a user, an address, a key) is leased from once a replica has spent 100 ms of
 * its share, or five tokens; what it spent by then is told afterwards. At worst each other replica has let through a part of
 * the burst by then, once, and that is paid back before there is more: where the limit is pressed for 10 s it is kept as
 * exactly.
 */
export interface BucketShares {
  /** How many replicas there are, as last heard. */
  readonly replicas: number
  /** To be called when a bucket is at its end, or nearly; cheap to call again. */
  call(bucket: Bucket): void
  /** Held from now on, whether it is in use or not. */
  hold(bucket: Bucket): void
  /** Resolves when the shared buckets were asked, or could not be. */
  start(): Promise<void>
  stop(): void
}

/** What is said to the shared buckets at once. */
export interface SharedBuckets {
  /** @param counted whether the replica is to be counted among those that live */
  deal(pleas: readonly { readonly name: string; readonly plea: Plea }[], counted: boolean): Promise<Deal>
}

export interface Deal {
  /** Undefined where they were not counted. */
  readonly replicas: number | undefined
  /** In the order of the pleas. */
  readonly grants: readonly Grant[]
}

export interface Timers {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** @returns how to call it off */
  after(ms: number, run: () => void): () => void
  /** From 0 to 1. */
  random(): number
}

interface BucketSharesOptions {
  readonly shared: SharedBuckets
  readonly logger: Pick<Logger, 'warn' | 'info'>
  /** As many are assumed before anything was heard. */
  readonly replicas: number
  readonly timers?: Timers
}

export const TURN_MS = 25
/** Between an answer and the next urgent plea, and up to twice that, so that no replica is always the first to ask. */
const PAUSE_MS = 5
/** Said at once; the others come next, and live on their share as soon as they were not heard of for long enough. */
const PLEAS_MAX = 500
/** What was not used for so long is not looked after any more. */
const IDLE_MS = 1_000

const TIMERS: Timers = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  random: Math.random,
}

export const createBucketShares = ({
  shared,
  logger,
  replicas: replicasAtFirst,
  timers = TIMERS,
}: BucketSharesOptions): BucketShares => {
  let replicas = replicasAtFirst
  // Bounded by the buckets that there are.
  let listed: Bucket[] = []
  let urgent: Bucket[] = []
  let asking = false
  let away = false
  let stopped = false
  let regularMs = timers.now()
  let pausedUntilMs = timers.now()
  let dueMs = Number.POSITIVE_INFINITY
  let cancel = (): void => undefined

  const wake = (): void => {
    const nextMs = urgent.length > 0 ? Math.min(regularMs, pausedUntilMs) : regularMs
    if (stopped || asking || nextMs >= dueMs) return
    cancel()
    dueMs = nextMs
    cancel = timers.after(Math.max(0, nextMs - timers.now()), () => void turn())
  }

  /** The longest listed first; they are behind all others from then on. */
  const nextListed = (nowMs: number): Bucket[] => {
    const batch = listed.slice(0, PLEAS_MAX)
    const staying = batch.filter((bucket) => {
      bucket.listed = bucket.everywhere || nowMs - bucket.usedMs < IDLE_MS
      return bucket.listed
    })
    listed = [...listed.slice(PLEAS_MAX), ...staying]
    return batch
  }

  const turn = async (): Promise<void> => {
    dueMs = Number.POSITIVE_INFINITY
    const nowMs = timers.now()
    const regular = nowMs >= regularMs
    if (regular) regularMs = nowMs + TURN_MS
    const batch = regular ? nextListed(nowMs) : urgent.splice(0, PLEAS_MAX)
    for (const bucket of batch) bucket.urgent = false
    urgent = urgent.filter((bucket) => bucket.urgent)
    const pleas = batch.map((bucket) => ({ name: bucket.name, plea: plead(bucket, nowMs, replicas) }))
    asking = true
    try {
      const deal = await shared.deal(pleas, regular)
      const heardMs = timers.now()
      replicas = deal.replicas ?? replicas
      for (const [index, bucket] of batch.entries()) {
        const plea = pleas[index]?.plea
        const grant = deal.grants[index]
        if (!plea || !grant) continue
        const wasScarce = bucket.scarce
        settle(bucket, plea, grant, heardMs)
        // Somebody waits for what this one may have to spare.
        if (grant.scarce && !wasScarce) press(bucket)
      }
      if (away) logger.info({ replicas }, 'limits are shared again')
      away = false
    } catch (error) {
      if (!away)
        logger.warn({ err: error, replicas }, 'limits are not shared; this replica keeps its part of them')
      away = true
      // Whoever is in need asks again at the next turn.
      for (const bucket of urgent.splice(0)) bucket.urgent = false
    } finally {
      asking = false
      pausedUntilMs = timers.now() + PAUSE_MS * (1 + timers.random())
      wake()
    }
  }

  const list = (bucket: Bucket): void => {
    if (!bucket.listed) listed.push(bucket)
    bucket.listed = true
  }

  const press = (bucket: Bucket): void => {
    if (!bucket.urgent) urgent.push(bucket)
    bucket.urgent = true
  }

  return {
    get replicas() {
      return replicas
    },
    call(bucket) {
      list(bucket)
      if (away) return
      press(bucket)
      wake()
    },
    hold: list,
    start: turn,
    stop() {
      stopped = true
      cancel()
    },
  }
}
