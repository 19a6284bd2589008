import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { Registry } from 'prom-client'
import type { ApiKey } from '../../../src/admission/api-key.js'
import { createKeptBuckets } from '../../../src/admission/kept-buckets.js'
import type { Caller } from '../../../src/caller.js'
import { createTestAdmission, HIGH_LIMITS } from '../../test-admission.js'

const SECOND_MS = 1_000

/** The token is the user's name, one letter; anything else is not valid. */
const verify = (token: string): Caller => {
  if (!/^[a-z]$/.test(token)) throw new VotestreamError('UNAUTHENTICATED')
  return {
    voter: voterNumber(token.charCodeAt(0)),
    userId: token,
    scopes: new Set(),
    issuedAtMs: 0,
    tokenId: '',
    expiresAtMs: Number.POSITIVE_INFINITY,
  }
}

const refusal = (run: () => unknown): VotestreamError => {
  try {
    run()
  } catch (error) {
    if (error instanceof VotestreamError) return error
    throw error
  }
  assert.fail('it was not refused')
}

describe('admission', () => {
  let nowMs: number
  let verified: number
  let registry: Registry
  const tokens = {
    verify(token: string) {
      verified += 1
      return verify(token)
    },
  }
  type Options = Partial<Parameters<typeof createTestAdmission>[0]>
  const create = (limits: Partial<typeof HIGH_LIMITS>, more: Options = {}) => {
    const limited = { ...HIGH_LIMITS, ...limits }
    const addressOf = ({ headers }: IncomingMessage) => String(headers.from ?? '1.2.3.4')
    const admission = createTestAdmission({
      tokens,
      limits: limited,
      addressOf,
      registry,
      now: () => nowMs,
      ...more,
    })
    return {
      ...admission,
      ask({ token = 'a', from, key, cost = 1, api = 'rest' as const }: Asked = {}) {
        const headers = { authorization: `Bearer ${token}`, from, 'x-api-key': key }
        return admission.enter({ headers } as unknown as IncomingMessage, api, cost)
      },
    }
  }
  interface Asked {
    readonly token?: string
    readonly from?: string
    readonly key?: string
    readonly cost?: number
    readonly api?: 'rest' | 'graphql' | 'websocket'
  }
  const counted = async (name: string): Promise<Record<string, number>> => {
    const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] }
    return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join(), value]))
  }

  beforeEach(() => {
    nowMs = 1_000_000
    verified = 0
    registry = new Registry()
  })

  it('lets a burst through, refuses the next one, and admits again at the rate', async () => {
    const { ask } = create({ service: { perSecond: 2, burst: 5 } })
    for (let times = 0; times < 5; times += 1) assert.equal((await ask())?.userId, 'a')
    const refused = refusal(ask)
    assert.deepEqual(
      [refused.code, refused.status, refused.retryAfterSeconds, refused.limit],
      ['RATE_LIMITED', 429, 1, { policy: 'service', perSecond: 2, burst: 5, remaining: 0 }],
    )
    nowMs += SECOND_MS
    ask()
    ask()
    refusal(ask)
  })

  it('takes nothing from anybody where one limit has no room', () => {
    const { ask } = create({
      service: { perSecond: 1, burst: 4 },
      user: { perSecond: 1, burst: 2 },
    })
    ask()
    ask()
    for (let times = 0; times < 10; times += 1) assert.equal(refusal(ask).limit?.policy, 'user')
    ask({ token: 'b' })
    ask({ token: 'b' })
    assert.equal(refusal(() => ask({ token: 'c' })).limit?.policy, 'service')
  })

  it('refuses a flood of bad tokens by its address, before anybody looks at one, and no other address', () => {
    const { ask } = create({ address: { perSecond: 1, burst: 3 } })
    for (let times = 0; times < 3; times += 1) {
      assert.equal(refusal(() => ask({ token: 'bad' })).code, 'UNAUTHENTICATED')
    }
    for (let times = 0; times < 3; times += 1) {
      assert.equal(refusal(() => ask({ token: 'bad' })).limit?.policy, 'address')
    }
    assert.equal(verified, 3)
    ask({ from: '5.6.7.8' })
  })

  it('takes the addresses of one network of IPv6 for one, and those of IPv4 for themselves', () => {
    const { ask } = create({ address: { perSecond: 1, burst: 1 } })
    ask({ from: '2001:db8:1:2::1' })
    refusal(() => ask({ from: '2001:db8:1:2:ffff::9' }))
    ask({ from: '2001:db8:1:3::1' })
    ask({ from: '1.2.3.4' })
    refusal(() => ask({ from: '::ffff:1.2.3.4' }))
    ask({ from: '1.2.3.5' })
  })

  it('counts what costs more as often, and what costs more than a burst is never admitted', () => {
    const { ask } = create({ user: { perSecond: 10, burst: 100 } })
    ask({ cost: 60 })
    assert.equal(refusal(() => ask({ cost: 60 })).limit?.remaining, 40)
    ask({ cost: 40 })
    nowMs += 10 * SECOND_MS
    refusal(() => ask({ cost: 101 }))
    ask({ cost: 100 })
  })

  it('limits each API by itself', () => {
    const { ask } = create({ apis: { ...HIGH_LIMITS.apis, graphql: { perSecond: 1, burst: 1 } } })
    ask({ api: 'graphql' })
    assert.equal(refusal(() => ask({ api: 'graphql' })).limit?.policy, 'graphql')
    ask({ api: 'rest' })
  })

  describe('by keys', () => {
    const plan = { name: 'small', ratePerSecond: 1, burst: 2 }
    const identify = (header: unknown): ApiKey | undefined => {
      if (header === 'bad') throw new VotestreamError('INVALID_REQUEST')
      return header === undefined ? undefined : { id: String(header), plan }
    }

    it('goes by the plan of each key', () => {
      const { ask } = create({}, { keys: { identify } })
      ask({ key: 'one' })
      ask({ key: 'one', token: 'b' })
      assert.equal(refusal(() => ask({ key: 'one', token: 'c' })).limit?.policy, 'key')
      ask({ key: 'two' })
      ask()
    })

    it('charges the address for a key that is not valid', () => {
      const { ask } = create({ address: { perSecond: 1, burst: 1 } }, { keys: { identify } })
      assert.equal(refusal(() => ask({ key: 'bad' })).code, 'INVALID_REQUEST')
      assert.equal(refusal(() => ask({ key: 'bad' })).limit?.policy, 'address')
    })

    it('takes from a quota only what all limits have room for, and nothing from them where the quota is used up', () => {
      const taken: number[] = []
      let renewsMs: number | undefined
      const take = (_key: ApiKey, cost: number) => {
        if (renewsMs === undefined) taken.push(cost)
        return renewsMs
      }
      const { ask } = create({ user: { perSecond: 1, burst: 3 } }, { keys: { identify }, quotas: { take } })
      ask({ key: 'one' })
      renewsMs = 90_500
      const refused = refusal(() => ask({ key: 'one' }))
      assert.deepEqual([refused.code, refused.retryAfterSeconds], ['QUOTA_EXCEEDED', 91])
      renewsMs = undefined
      ask({ key: 'one' })
      refusal(() => ask({ key: 'one' }))
      assert.deepEqual(taken, [1, 1])
    })

    it('waits for a quota that has to be asked for, and lets no more wait than the limits have room for', async () => {
      const answers: ((waitMs: number | undefined) => void)[] = []
      const take = () => new Promise<number | undefined>((resolve) => answers.push(resolve))
      const { ask } = create({ user: { perSecond: 1, burst: 2 } }, { keys: { identify }, quotas: { take } })
      const [first, second] = [ask({ key: 'one' }), ask({ key: 'one' })]
      assert.equal(refusal(() => ask({ key: 'one' })).code, 'RATE_LIMITED')
      assert.ok(first instanceof Promise && second instanceof Promise)
      answers[0]?.(undefined)
      assert.equal((await first)?.userId, 'a')
      answers[1]?.(90_500)
      await assert.rejects(second, { code: 'QUOTA_EXCEEDED', status: 429, retryAfterSeconds: 91 })
      assert.equal((await counted('votestream_admitted_total')).rest, 1)
      assert.equal((await counted('votestream_throttled_total')).quota, 1)
    })
  })

  it('counts what was admitted, and what was refused by which limit', async () => {
    const { ask } = create({ service: { perSecond: 1, burst: 3 }, user: { perSecond: 1, burst: 1 } })
    ask()
    refusal(ask)
    ask({ token: 'b', api: 'graphql' })
    ask({ token: 'c' })
    refusal(() => ask({ token: 'd' }))
    refusal(() => ask({ token: 'd' }))
    assert.deepEqual(await counted('votestream_admitted_total'), { rest: 2, graphql: 1, websocket: 0 })
    const refused = await counted('votestream_throttled_total')
    assert.deepEqual([refused.user, refused.service, refused.address], [1, 2, 0])
  })
})

describe('those who are many', () => {
  const RATE = { perSecond: 50, burst: 200 }
  const nowMs = 5_000

  it('have no bucket for their first few requests of a second, and then one that knows of them', () => {
    const buckets = createKeptBuckets('user', { replicas: 1 })
    for (let times = 0; times < 3; times += 1) {
      assert.equal(buckets.find(7, RATE, 1, nowMs), undefined)
      buckets.step(7, 1)
    }
    assert.equal(buckets.find(7, RATE, 1, nowMs)?.tokens, 197)
    assert.equal(buckets.find(8, RATE, 1, nowMs), undefined)
  })

  it('are few no more where many replicas would let through too much together', () => {
    const buckets = createKeptBuckets('user', { replicas: 16 })
    assert.ok(buckets.find(7, RATE, 1, nowMs))
  })

  it('are not mistaken for others who share their place', () => {
    const buckets = createKeptBuckets('user', { replicas: 1 })
    assert.equal(buckets.find(7, RATE, 1, nowMs), undefined)
    for (let times = 0; times < 3; times += 1) buckets.step(7, 1)
    const other = 7 + 65_536
    const bucket = buckets.find(other, RATE, 1, nowMs)
    assert.equal(bucket?.name, `user:${other}`)
    assert.ok((bucket?.tokens ?? 0) >= RATE.burst - 3)
  })
})
