export interface TokenBucketLimit {
  /** What may come at once. */
  readonly burst: number
  readonly perSecond: number
}

export interface TokenBucket {
  /** Zero when one was taken; otherwise how long until there is one. */
  take(nowMs: number): number
}

export const createTokenBucket = ({ burst, perSecond }: TokenBucketLimit, startMs: number): TokenBucket => {
  let level = burst
  let atMs = startMs
  return {
    take(nowMs) {
      // A clock that went back adds nothing.
      level = Math.min(burst, level + (Math.max(0, nowMs - atMs) / 1_000) * perSecond)
      atMs = nowMs
      if (level < 1) return ((1 - level) / perSecond) * 1_000
      level -= 1
      return 0
    },
  }
}
