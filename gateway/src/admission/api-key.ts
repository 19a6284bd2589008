import type { Quota } from '@votestream/schema/usage-plan'

/** What a client that shows a key of its own may do. */
export interface ApiKey {
  readonly id: string
  readonly plan: {
    readonly name: string
    readonly ratePerSecond: number
    readonly burst: number
    /** Left out: no other limit than the rate. */
    readonly quota?: Quota
  }
}

export interface ApiKeys {
  /**
   * @param header what came as `x-api-key`
   * @returns the key; undefined where none was shown and none is required
   * @throws VotestreamError for a key that is required and missing, or not valid
   */
  identify(header: string | string[] | undefined): ApiKey | undefined
}

export interface Quotas {
  /**
   * @param cost whole, at least 1
   * @returns undefined where there was room and it was taken; else the milliseconds until it makes sense to try again,
   * mostly until the quota renews. A promise of that where the gateway has nothing at hand for this key and has to ask:
   * at the first request for a while, and for the last of a quota.
   * @throws VotestreamError STORE_UNAVAILABLE, by the promise
   */
  take(key: ApiKey, cost: number): number | undefined | Promise<number | undefined>
}
