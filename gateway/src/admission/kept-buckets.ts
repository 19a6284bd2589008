import { LRUCache } from 'lru-cache'
import type { BucketShares } from './bucket-shares.js'
import { type Bucket, createBucket, take } from './gcra.js'
import type { Rate } from './limits.js'

/**
 * The buckets of those who are many: users, addresses, keys. In a vote nearly every request is the first one of its user and
 * its address, and making a bucket for each would cost more than all else that is done to admit it. So the first few
 * requests of a second are only counted, in a table of fixed size, where several may share a place; whoever passes that gets
 * a bucket that starts with what was counted.
 */
export interface KeptBuckets {
  /** Undefined: the request is one of few. */
  find(id: string | number, rate: Rate, cost: number, nowMs: number): Bucket | undefined
  /** Counts one of few. */
  step(id: string | number, cost: number): void
}

/** Beyond it whoever came longest ago is taken for new. */
const BUCKETS_MAX = 100_000
/** A power of two. */
const PLACES = 65_536
const STEPS_MS = 1_000
const STEPS_MAX = 3

export const createKeptBuckets = (kind: string, shares: Pick<BucketShares, 'replicas'>): KeptBuckets => {
  const buckets = new LRUCache<string | number, Bucket>({ max: BUCKETS_MAX })
  const steps = new Uint8Array(PLACES)
  let stepsMs = 0

  const stepsOf = (id: string | number, nowMs: number): number => {
    if (nowMs - stepsMs >= STEPS_MS) {
      steps.fill(0)
      stepsMs = nowMs
    }
    return steps[placeOf(id)] ?? 0
  }

  return {
    find(id, rate, cost, nowMs) {
      const known = buckets.get(id)
      // A plan may have changed.
      if (known && isSame(known.rate, rate)) return known
      const before = stepsOf(id, nowMs)
      // Together the replicas leave out no more than a quarter of the rate, and no more than an eighth of the burst.
      const few = Math.min(STEPS_MAX, rate.perSecond / (4 * shares.replicas), rate.burst / 8)
      if (before + cost <= few) return undefined
      const bucket = createBucket({ name: `${kind}:${id}`, rate, everywhere: false }, nowMs, shares.replicas)
      take(bucket, Math.min(before, bucket.tokens), nowMs)
      buckets.set(id, bucket)
      return bucket
    },
    step(id, cost) {
      const place = placeOf(id)
      steps[place] = (steps[place] ?? 0) + cost
    },
  }
}

const placeOf = (id: string | number): number => {
  if (typeof id === 'number') return id % PLACES
  let mixed = 0
  for (let at = 0; at < id.length; at += 1) mixed = (Math.imul(mixed, 31) + id.charCodeAt(at)) | 0
  return mixed & (PLACES - 1)
}

const isSame = (one: Rate, other: Rate): boolean =>
  one === other || (one.perSecond === other.perSecond && one.burst === other.burst)
