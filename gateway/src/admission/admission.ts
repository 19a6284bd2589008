import type { IncomingMessage } from 'node:http'
import { VotestreamError } from '@votestream/schema/errors'
import { bearerToken } from '../bearer-token.js'
import type { Caller } from '../caller.js'
import type { ClientAddresses } from '../client-address.js'
import type { Tokens } from '../tokens.js'
import { addressBlock } from './address-block.js'
import type { AdmissionMetrics } from './admission-metrics.js'
import type { ApiKey, ApiKeys, Quotas } from './api-key.js'
import type { BucketShares } from './bucket-shares.js'
import { type Bucket, createBucket, hasRoom, lack, take } from './gcra.js'
import { createKeptBuckets } from './kept-buckets.js'
import { APIS, type Api, type LimitKind, type Limits, type Rate } from './limits.js'

/**
 * The one thing that every request passes, whatever it comes in by.
 *
 * In this order: what the address, the API and the whole service have left is looked at first, which costs nothing, so that a
 * flood of bad tokens is refused before anybody looks at one. Then key and token are verified. Then all limits are looked
 * at, those of the fewest first, and only when all of them have room is something taken, from each of them; so what is
 * refused takes nothing from anybody. A request that showed no valid key or token costs its address, its API and the service
 * one.
 */
export interface Admission {
  /**
   * @param cost in requests
   * @returns who asks; undefined where no token was shown. A promise of it where the quota of a key has to be asked for:
   * see `Quotas`
   * @throws VotestreamError RATE_LIMITED, QUOTA_EXCEEDED, UNAUTHENTICATED, STORE_UNAVAILABLE and those of
   * `ApiKeys.identify`
   */
  enter(request: IncomingMessage, api: Api, cost: number): Entered
  /** For an operation that asks for no token, and looks at none. @throws VotestreamError as `enter` */
  enterOpen(request: IncomingMessage, api: Api): Entered
  /** For what asks for neither key nor token, the page for example. @throws VotestreamError RATE_LIMITED */
  visit(request: IncomingMessage, api: Api): void
  /** What the requests on a socket have in common. */
  originOf(request: IncomingMessage): Origin
  /** @param authorization as in the header; undefined: no token is shown @throws as `enter` */
  enterFrom(origin: Origin, api: Api, authorization: unknown, cost: number): Entered
  /** What a request costs more than it was admitted with. @throws as `enter` */
  charge(origin: Origin, api: Api, caller: Caller | undefined, cost: number): Promise<void> | undefined
}

export type Entered = Caller | undefined | Promise<Caller | undefined>

export interface Origin {
  readonly address: string
  readonly apiKey: string | string[] | undefined
}

interface AdmissionOptions {
  readonly limits: Limits
  readonly shares: Pick<BucketShares, 'replicas' | 'call' | 'hold'>
  readonly tokens: Pick<Tokens, 'verify'>
  readonly addressOf: ClientAddresses['of']
  readonly metrics: AdmissionMetrics
  readonly keys?: Pick<ApiKeys, 'identify'> | undefined
  readonly quotas?: Pick<Quotas, 'take'> | undefined
  /** Of a monotonic clock. */
  readonly now?: () => number
}

export const createAdmission = (options: AdmissionOptions): Admission => {
  const { limits, shares, tokens, addressOf, metrics, keys, quotas, now = () => performance.now() } = options
  const held = (name: string, rate: Rate): Bucket => {
    const bucket = createBucket({ name, rate, everywhere: true }, now(), shares.replicas)
    shares.hold(bucket)
    return bucket
  }
  const service = held('service', limits.service)
  const apis = new Map(APIS.map((api) => [api, limits.apis[api] && held(api, limits.apis[api])]))
  const users = createKeptBuckets('user', shares)
  const addresses = createKeptBuckets('address', shares)
  const ofKeys = createKeptBuckets('key', shares)

  const look = (bucket: Bucket | undefined, kind: LimitKind, cost: number, nowMs: number): void => {
    if (!bucket || hasRoom(bucket, cost, nowMs, shares.replicas)) return
    const waitMs = lack(bucket, cost, nowMs)
    shares.call(bucket)
    metrics.throttled(kind)
    throw rateLimited(kind === 'api' ? bucket.name : kind, bucket, waitMs)
  }
  const takeFrom = (bucket: Bucket | undefined, cost: number, nowMs: number): void => {
    if (!bucket) return
    take(bucket, cost, nowMs)
    if (bucket.spent >= bucket.callAt) shares.call(bucket)
  }

  const refuseQuota = (waitMs: number): never => {
    metrics.throttled('quota')
    throw new VotestreamError('QUOTA_EXCEEDED', { retryAfterSeconds: secondsOf(waitMs) })
  }

  /**
   * @returns a promise where the quota has to be asked for; what it refuses has cost the other limits something, which would
   * not hold for those who wait together.
   * @throws VotestreamError RATE_LIMITED, QUOTA_EXCEEDED; then nothing was taken.
   */
  const admit = (
    api: Api,
    address: string,
    caller: Caller | undefined,
    key: ApiKey | undefined,
    cost: number,
  ): Promise<void> | undefined => {
    const nowMs = now()
    const voter = caller?.voter
    const ofUser = voter === undefined ? undefined : users.find(voter, limits.user, cost, nowMs)
    const ofKey = key && ofKeys.find(key.id, rateOf(key), cost, nowMs)
    const ofAddress = addresses.find(address, limits.address, cost, nowMs)
    const ofApi = apis.get(api)
    look(ofUser, 'user', cost, nowMs)
    look(ofKey, 'key', cost, nowMs)
    look(ofAddress, 'address', cost, nowMs)
    look(ofApi, 'api', cost, nowMs)
    look(service, 'service', cost, nowMs)
    // Last of those that may refuse: it takes at once.
    const waitMs = key && quotas?.take(key, cost)
    if (typeof waitMs === 'number') refuseQuota(waitMs)
    if (ofUser) takeFrom(ofUser, cost, nowMs)
    else if (voter !== undefined) users.step(voter, cost)
    if (ofKey) takeFrom(ofKey, cost, nowMs)
    else if (key) ofKeys.step(key.id, cost)
    if (ofAddress) takeFrom(ofAddress, cost, nowMs)
    else addresses.step(address, cost)
    takeFrom(ofApi, cost, nowMs)
    takeFrom(service, cost, nowMs)
    if (waitMs instanceof Promise) {
      return waitMs.then((ms) => {
        if (ms !== undefined) refuseQuota(ms)
        metrics.admitted(api)
      })
    }
    metrics.admitted(api)
    return undefined
  }

  const knock = (api: Api, address: string): void => {
    const nowMs = now()
    look(addresses.find(address, limits.address, 1, nowMs), 'address', 1, nowMs)
    look(apis.get(api), 'api', 1, nowMs)
    look(service, 'service', 1, nowMs)
  }

  const enterFrom: Admission['enterFrom'] = (origin, api, authorization, cost) => {
    const { address, apiKey } = origin
    knock(api, address)
    let key: ApiKey | undefined
    let caller: Caller | undefined
    try {
      key = keys?.identify(apiKey)
      if (authorization !== undefined) caller = tokens.verify(bearerToken(authorization))
    } catch (error) {
      admit(api, address, undefined, undefined, 1)
      throw error
    }
    const asked = admit(api, address, caller, key, cost)
    return asked ? asked.then(() => caller) : caller
  }

  const originOf = (request: IncomingMessage): Origin => ({
    address: addressBlock(addressOf(request)),
    apiKey: request.headers['x-api-key'],
  })

  return {
    originOf,
    enterFrom,
    enter: (request, api, cost) => enterFrom(originOf(request), api, request.headers.authorization, cost),
    enterOpen: (request, api) => enterFrom(originOf(request), api, undefined, 1),
    visit: (request, api) => void admit(api, addressBlock(addressOf(request)), undefined, undefined, 1),
    charge: ({ address, apiKey }, api, caller, cost) =>
      admit(api, address, caller, keys?.identify(apiKey), cost),
  }
}

const rateOf = ({ plan }: ApiKey): Rate => ({ perSecond: plan.ratePerSecond, burst: plan.burst })

const rateLimited = (policy: string, { rate, tokens }: Bucket, waitMs: number): VotestreamError =>
  new VotestreamError('RATE_LIMITED', {
    retryAfterSeconds: secondsOf(waitMs),
    limit: { policy, perSecond: rate.perSecond, burst: rate.burst, remaining: tokens },
  })

const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000))
