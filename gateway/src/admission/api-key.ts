/** What a client that shows a key of its own may do. */
export interface ApiKey {
  readonly id: string
  readonly plan: {
    readonly name: string
    readonly ratePerSecond: number
    readonly burst: number
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
  /** @returns undefined where there was room and it was taken; else the milliseconds until the quota renews */
  take(key: ApiKey, cost: number): number | undefined
}
