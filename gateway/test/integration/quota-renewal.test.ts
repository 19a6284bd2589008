import assert from 'node:assert/strict'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { openPlanBuckets } from '@votestream/infra/streams'
import { QUOTA_PERIODS, type QuotaPeriod } from '@votestream/schema/usage-plan'
import type { ApiKey } from '../../src/admission/api-key.js'
import { spanOf } from '../../src/admission/quota-decision.js'
import { createQuotaLedger } from '../../src/admission/quota-ledger.js'
import { createQuotas, type SharedQuotas } from '../../src/admission/quotas.js'
import { createStore } from '../../src/store.js'

const logger = createLogger('test', 'silent')
const LIMIT = 60
const SECOND_MS = 1_000
const WEDNESDAY_MS = Date.UTC(2026, 6, 15, 12)

/** Two gateways, as far as quotas go, over one broker; their clocks are the test's. */
describe('a quota at the end of its period, over two gateways', function () {
  this.timeout(30_000)
  let servers: TestServers
  let keys = 0
  const open: { readonly quotas: SharedQuotas; readonly nats: Nats }[] = []

  before(async () => {
    servers = await startServersForTest(['nats'])
  })
  afterEach(async () => {
    for (const { quotas, nats } of open.splice(0)) {
      await quotas.stop()
      await nats.close()
    }
  })
  after(() => servers?.stop())

  const start = async (now: () => number): Promise<SharedQuotas> => {
    const nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    const { quotas: bucket } = await openPlanBuckets(nats, 1)
    const ledger = createQuotaLedger(bucket, nats, createStore(nats))
    const quotas = createQuotas({ ledger, now, logger, flushEveryMs: 5 })
    open.push({ quotas, nats })
    return quotas
  }
  const newKey = (period: QuotaPeriod): ApiKey => {
    keys += 1
    const plan = { name: 'partner', ratePerSecond: 20, burst: 20, quota: { limit: LIMIT, period } }
    return { id: `key${keys}`, plan }
  }
  /** At once, half of them at each. @returns how many were let through, and the waits of the others */
  const ask = async (both: readonly SharedQuotas[], key: ApiKey, requests: number) => {
    const asked = Array.from({ length: requests }, (_, at) => both[at % both.length]?.take(key, 1))
    const waits = (await Promise.all(asked)).filter((wait) => wait !== undefined)
    return { through: requests - waits.length, waits }
  }

  for (const period of QUOTA_PERIODS) {
    it(`is renewed at both, whole and once: ${period}`, async () => {
      const { endMs } = spanOf(period, WEDNESDAY_MS)
      let nowMs = endMs - 600 * SECOND_MS
      const both = [await start(() => nowMs), await start(() => nowMs)]
      const key = newKey(period)
      /** All that the period has. What one took ahead comes back, and is asked for again after a second of theirs. */
      const useUp = async (): Promise<number> => {
        let sum = 0
        for (let rounds = 0; sum < LIMIT && rounds < 200; rounds += 1) {
          sum += (await ask(both, key, 14)).through
          nowMs += SECOND_MS
        }
        return sum
      }
      assert.equal(await useUp(), LIMIT)
      assert.ok(nowMs < endMs, 'all of it within the period')
      nowMs = endMs - 1
      const { through, waits } = await ask(both, key, 10)
      assert.equal(through, 0)
      for (const wait of waits) assert.ok(wait >= 1 && wait <= SECOND_MS, `told to wait for ${wait} ms`)
      nowMs = endMs
      assert.equal(await useUp(), LIMIT)
      nowMs += SECOND_MS
      assert.equal((await ask(both, key, 10)).through, 0)
    })
  }

  it('leaves nothing of what was taken ahead, and gives no period twice where one clock is behind', async () => {
    const { endMs } = spanOf('day', WEDNESDAY_MS)
    let nowMs = endMs - 1
    const behindMs = 3 * SECOND_MS
    const both = [await start(() => nowMs), await start(() => nowMs - behindMs)]
    const key = newKey('day')
    // Both hold some of the old period when the new one begins for the first of them.
    assert.equal((await ask(both, key, 10)).through, 10)
    nowMs = endMs
    let through = 0
    for (let rounds = 0; rounds < 30; rounds += 1) {
      through += (await ask(both, key, 14)).through
      nowMs += 500
    }
    assert.ok(through >= LIMIT, `${through}: all of the new period`)
    // A second of its rate is the most that the one behind may hold of the old one.
    assert.ok(through <= LIMIT + key.plan.ratePerSecond, `${through}: and none of it twice`)
    assert.equal((await ask(both, key, 10)).through, 0)
  })
})
