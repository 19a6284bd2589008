import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { openPlanBuckets, type PlanBuckets } from '@votestream/infra/streams'
import { type ApiKeyOwner, apiKeyKey } from '@votestream/schema/api-key-record'
import { type ErrorCode, VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { encodePlan, PLANS_MAX, type PlanDraft, planKey } from '@votestream/schema/usage-plan'
import { Registry } from 'prom-client'
import type { ApiKey } from '../../src/admission/api-key.js'
import { type WatchedApiKeys, watchApiKeys } from '../../src/admission/api-keys.js'
import { createKeyMetrics, watchUsages } from '../../src/admission/key-metrics.js'
import { createKeyUsage } from '../../src/admission/key-usage.js'
import { createQuotaLedger, type QuotaLedger } from '../../src/admission/quota-ledger.js'
import { createQuotas, type SharedQuotas } from '../../src/admission/quotas.js'
import { createUsagePlans, type UsagePlans } from '../../src/admission/usage-plans.js'
import { createStore, type Store } from '../../src/store.js'

const logger = createLogger('test', 'silent')
const PLAN: PlanDraft = {
  ...{ name: 'partner', ratePerSecond: 50, burst: 10 },
  quota: { limit: 10, period: 'day' },
}
const ANA: ApiKeyOwner = { kind: 'user', voter: voterNumber(7) }
const GRACE_SECONDS = 60

const codeOf = (call: () => unknown): ErrorCode | 'none' => {
  try {
    call()
    return 'none'
  } catch (error) {
    assert.ok(error instanceof VotestreamError)
    return error.code
  }
}
const fails = (promise: Promise<unknown>, code: ErrorCode, ...fields: string[]): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof VotestreamError, String(error))
    assert.deepEqual([error.code, ...error.fields.map(({ field }) => field)], [code, ...fields])
    return true
  })

describe('API keys and usage plans over a broker', function () {
  this.timeout(60_000)
  let servers: TestServers
  let nats: Nats
  let store: Store
  let buckets: PlanBuckets
  let plans: UsagePlans
  let gateways: WatchedApiKeys[]
  let aheadMs = 0
  const now = () => Date.now() + aheadMs
  const registry = new Registry()
  const metrics = createKeyMetrics(registry)

  const watch = (required = false) =>
    watchApiKeys({ bucket: buckets.usagePlans, required, now, logger, metrics })
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await pause(2)
  }
  const isKnown = (text: string) => (gateway: WatchedApiKeys) =>
    codeOf(() => gateway.identify(text)) === 'none'
  const untilKnown = (text: string) => until(() => gateways.every(isKnown(text)))
  const untilRefused = (text: string) => until(() => !gateways.some(isKnown(text)))

  before(async () => {
    servers = await startServersForTest(['nats'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    store = createStore(nats)
    buckets = await openPlanBuckets(nats, 1)
    plans = createUsagePlans({ bucket: buckets.usagePlans, store, now })
    await plans.createPlan(PLAN)
    gateways = [await watch(), await watch()]
  })
  after(async () => {
    for (const gateway of gateways) gateway.stop()
    await nats.close()
    await servers.stop()
  })
  beforeEach(() => {
    aheadMs = 0
  })

  describe('a key', () => {
    it('is shown once and stored as a hash, and every gateway knows it and its plan', async () => {
      const { record, text } = await plans.createKey({ plan: 'partner', owner: ANA })
      await untilKnown(text)
      for (const gateway of gateways) {
        const { name, ratePerSecond, burst, quota } = PLAN
        assert.deepEqual(gateway.identify(text), {
          id: record.id,
          plan: { name, ratePerSecond, burst, quota },
        })
      }
      const stored = await buckets.usagePlans.get(apiKeyKey(record.id))
      assert.match(text, /^vsk_[0-9a-f]{16}_[\w-]{43}$/)
      const secret = text.slice(-43)
      assert.ok(!stored?.string().includes(secret))
      assert.ok(!JSON.stringify(await plans.listKeys()).includes(secret))
    })

    it('that is unknown, malformed, repeated or cut is refused, and none is needed where none is required', async () => {
      const { text } = await plans.createKey({ plan: 'partner', owner: ANA })
      await untilKnown(text)
      const [gateway] = gateways
      for (const wrong of ['', 'x', text.slice(0, -1), `${text}x`, `${text}, ${text}`, 'x'.repeat(10_000)])
        assert.equal(
          codeOf(() => gateway?.identify(wrong)),
          'API_KEY_INVALID',
        )
      assert.equal(
        codeOf(() => gateway?.identify([text, text])),
        'API_KEY_INVALID',
      )
      assert.equal(gateway?.identify(undefined), undefined)
    })

    it('is asked for where one is required', async () => {
      const strict = await watch(true)
      assert.equal(
        codeOf(() => strict.identify(undefined)),
        'API_KEY_REQUIRED',
      )
      strict.stop()
    })

    it('that is revoked is refused by every gateway within a second, also where it was shown before', async () => {
      const { record, text } = await plans.createKey({ plan: 'partner', owner: ANA })
      await untilKnown(text)
      const revokedAtMs = performance.now()
      await plans.revokeKey(record.id)
      await untilRefused(text)
      assert.ok(performance.now() - revokedAtMs < 1_000)
      await fails(plans.rotateKey(record.id, 0), 'API_KEY_REVOKED')
      assert.equal((await plans.revokeKey(record.id)).id, record.id)
    })

    it('that is rotated is known by both texts until the grace is over, and without one at once by the new alone', async () => {
      const { record, text } = await plans.createKey({ plan: 'partner', owner: ANA })
      await untilKnown(text)
      const second = await plans.rotateKey(record.id, GRACE_SECONDS)
      await untilKnown(second.text)
      assert.ok(gateways.every(isKnown(text)))
      assert.equal(gateways[0]?.identify(text)?.id, gateways[0]?.identify(second.text)?.id)
      aheadMs = GRACE_SECONDS * 1_000 + 1_000
      assert.ok(!gateways.some(isKnown(text)))
      assert.ok(gateways.every(isKnown(second.text)))
      const third = await plans.rotateKey(record.id, 0)
      await untilRefused(second.text)
      assert.ok(gateways.every(isKnown(third.text)))
    })

    it('has two texts at most: the one before the last is taken no more', async () => {
      const { record, text } = await plans.createKey({ plan: 'partner', owner: ANA })
      const second = await plans.rotateKey(record.id, GRACE_SECONDS)
      const third = await plans.rotateKey(record.id, GRACE_SECONDS)
      await untilKnown(third.text)
      assert.ok(gateways.every(isKnown(second.text)))
      assert.ok(!gateways.some(isKnown(text)))
    })

    it('is its owners to see while it is valid', async () => {
      const voter = voterNumber(99)
      const mine = await plans.createKey({ plan: 'partner', owner: { kind: 'user', voter } })
      await plans.createKey({ plan: 'partner', owner: { kind: 'application', name: 'The app' } })
      await untilKnown(mine.text)
      assert.deepEqual(
        gateways[0]?.ownedBy(voter).map(({ record }) => record.id),
        [mine.record.id],
      )
      await plans.revokeKey(mine.record.id)
      await until(() => gateways[0]?.ownedBy(voter).length === 0)
      assert.equal(gateways[0]?.find(mine.record.id), undefined)
    })

    it('can be forgotten once it was revoked', async () => {
      const { record } = await plans.createKey({ plan: 'partner', owner: ANA })
      await fails(plans.removeKey(record.id), 'API_KEY_IN_USE')
      await plans.revokeKey(record.id)
      await plans.removeKey(record.id)
      assert.ok(!(await plans.listKeys()).some(({ id }) => id === record.id))
      await fails(plans.removeKey(record.id), 'API_KEY_NOT_FOUND')
    })

    it('whose record is of a version that nobody knows, or is none, is not valid, and disturbs no other', async () => {
      const good = await plans.createKey({ plan: 'partner', owner: ANA })
      const { record, text } = await plans.createKey({ plan: 'partner', owner: ANA })
      await untilKnown(text)
      await buckets.usagePlans.put(apiKeyKey(record.id), JSON.stringify({ ...record, version: 2 }))
      await untilRefused(text)
      await buckets.usagePlans.put(apiKeyKey(record.id), 'no JSON')
      await buckets.usagePlans.put(apiKeyKey(record.id), JSON.stringify(record))
      await untilKnown(text)
      assert.ok(gateways.every(isKnown(good.text)))
    })
  })

  describe('a plan', () => {
    it('that is changed holds for its keys at once', async () => {
      await plans.createPlan({ ...PLAN, name: 'grows' })
      const { text } = await plans.createKey({ plan: 'grows', owner: ANA })
      await untilKnown(text)
      await plans.changePlan({ ...PLAN, name: 'grows', ratePerSecond: 99, quota: null })
      await until(() => gateways.every((gateway) => gateway.identify(text)?.plan.ratePerSecond === 99))
      assert.equal(gateways[0]?.identify(text)?.plan.quota, undefined)
    })

    it('is there once, and goes only when no key goes by it', async () => {
      await plans.createPlan({ ...PLAN, name: 'short' })
      await fails(plans.createPlan({ ...PLAN, name: 'short' }), 'PLAN_TAKEN')
      const { record } = await plans.createKey({ plan: 'short', owner: ANA })
      await fails(plans.removePlan('short'), 'PLAN_IN_USE')
      await plans.revokeKey(record.id)
      await plans.removeKey(record.id)
      await plans.removePlan('short')
      await fails(plans.removePlan('short'), 'PLAN_NOT_FOUND')
      await fails(plans.changePlan({ ...PLAN, name: 'short' }), 'PLAN_NOT_FOUND')
      await fails(plans.createKey({ plan: 'short', owner: ANA }), 'PLAN_NOT_FOUND')
      await plans.createPlan({ ...PLAN, name: 'short' })
    })

    it('that disappears takes the validity of its keys along, whatever was raced', async () => {
      await plans.createPlan({ ...PLAN, name: 'gone' })
      const { text } = await plans.createKey({ plan: 'gone', owner: ANA })
      await untilKnown(text)
      await buckets.usagePlans.delete(planKey('gone'))
      await untilRefused(text)
    })

    it('beyond the most that there may be is refused, as they are labels of metrics', async () => {
      const names = Array.from({ length: PLANS_MAX }, (_, index) => `many-${index}`)
      const record = { version: 1 as const, ...PLAN, createdAtMs: 1 }
      await Promise.all(
        names.map((name) => buckets.usagePlans.put(planKey(name), encodePlan({ ...record, name }))),
      )
      await fails(plans.createPlan({ ...PLAN, name: 'one-more' }), 'TOO_MANY')
      await Promise.all(names.map((name) => buckets.usagePlans.delete(planKey(name))))
      await plans.createPlan({ ...PLAN, name: 'one-more' })
    })

    it('and a key are refused with the name of every field that is wrong', async () => {
      const faulty = { name: 'Not a name', ratePerSecond: 0, burst: 1.5, quota: { limit: 0, period: 'year' } }
      // biome-ignore lint/suspicious/noExplicitAny: what the types forbid is what is tested.
      const draft = faulty as any
      const named = ['name', 'ratePerSecond', 'burst', 'quota.limit', 'quota.period']
      await fails(plans.createPlan(draft), 'INVALID_FIELDS', ...named)
      await fails(plans.changePlan(draft), 'INVALID_FIELDS', ...named)
      await fails(plans.createPlan({ ...PLAN, ratePerSecond: Number.NaN }), 'INVALID_FIELDS', 'ratePerSecond')
      await fails(plans.removePlan('a.b'), 'INVALID_FIELDS', 'name')
      const blank: ApiKeyOwner = { kind: 'application', name: ' ' }
      await fails(plans.createKey({ plan: '>', owner: blank }), 'INVALID_FIELDS', 'plan', 'application')
      for (const id of ['', '*', 'x'.repeat(16), 'A'.repeat(16)]) {
        await fails(plans.revokeKey(id), 'INVALID_FIELDS', 'id')
        await fails(plans.rotateKey(id, 1), 'INVALID_FIELDS', 'id')
        await fails(plans.removeKey(id), 'INVALID_FIELDS', 'id')
      }
      for (const seconds of [-1, 0.5, 30 * 86_400 + 1, Number.NaN])
        await fails(plans.rotateKey('0'.repeat(16), seconds), 'INVALID_FIELDS', 'graceSeconds')
    })
  })

  describe('a quota', () => {
    let ledger: QuotaLedger
    let replicas: SharedQuotas[] = []
    const start = () => {
      const quotas = createQuotas({ ledger, now, logger, metrics })
      replicas.push(quotas)
      return quotas
    }
    const issue = async (): Promise<ApiKey> => {
      const { text } = await plans.createKey({ plan: 'partner', owner: ANA })
      await untilKnown(text)
      const key = gateways[0]?.identify(text)
      assert.ok(key)
      return key
    }
    const admitted = async (quotas: SharedQuotas, key: ApiKey, requests: number): Promise<number> => {
      const answers = await Promise.all(Array.from({ length: requests }, () => quotas.take(key, 1)))
      return answers.filter((answer) => answer === undefined).length
    }
    before(() => {
      ledger = createQuotaLedger(buckets.quotas, nats, store)
    })
    afterEach(async () => {
      await Promise.all(replicas.map((quotas) => quotas.stop()))
      replicas = []
    })

    it('of two gateways that race is admitted exactly, and told to its owner', async () => {
      const [one, other, key] = [start(), start(), await issue()]
      const through = await Promise.all([admitted(one, key, 8), admitted(other, key, 8)])
      assert.equal(through[0] + through[1], 10)
      const { used, remaining } = await createKeyUsage(ledger, now)(key.id, { limit: 10, period: 'day' })
      assert.deepEqual([used, remaining], [10, 0])
    })

    it('is still used up after every gateway and the broker were restarted, and renews', async () => {
      const key = await issue()
      assert.equal(await admitted(start(), key, 11), 10)
      await servers.crash('nats')
      await until(() => nats.connected())
      const after = start()
      for (;;) {
        const waitMs = await Promise.resolve(after.take(key, 1)).catch(() => 'away')
        if (waitMs === 'away') continue
        assert.ok(typeof waitMs === 'number' && waitMs > 0)
        break
      }
      aheadMs = 86_400_000
      assert.equal(await admitted(after, key, 11), 10)
    })

    it('is shown in the metrics, by plan and key', async () => {
      const [quotas, key] = [start(), await issue()]
      const own = new Registry()
      watchUsages(own, quotas.usages)
      await admitted(quotas, key, 11)
      assert.match(
        await own.metrics(),
        new RegExp(`^votestream_api_key_quota_used_ratio\\{plan="partner",key="${key.id}"\\} 1$`, 'm'),
      )
      const page = await registry.metrics()
      assert.match(page, /^votestream_api_key_requests_total\{plan="partner",outcome="admitted"\} [1-9]/m)
      assert.match(
        page,
        /^votestream_api_key_requests_total\{plan="partner",outcome="quota_exceeded"\} [1-9]/m,
      )
      assert.match(page, /^votestream_api_key_requests_total\{plan="-",outcome="invalid"\} [1-9]/m)
      assert.match(page, /^votestream_api_key_requests_total\{plan="-",outcome="missing"\} 1$/m)
    })

    it('of a broker that is away is not unlimited: 503', async () => {
      const key = await issue()
      const quotas = start()
      await servers.kill('nats')
      await until(() => !nats.connected())
      await fails(Promise.resolve(quotas.take(key, 1)), 'STORE_UNAVAILABLE')
      await servers.start('nats')
      await until(() => nats.connected())
      // Keys are watched on as well.
      for (;;) {
        const text = await plans.createKey({ plan: 'partner', owner: ANA }).then(
          (issued) => issued.text,
          () => undefined,
        )
        if (text === undefined) continue
        await untilKnown(text)
        break
      }
    })
  })
})
