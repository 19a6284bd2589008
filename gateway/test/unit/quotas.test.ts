import assert from 'node:assert/strict'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { createLogger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import type { QuotaRecord } from '@votestream/schema/quota-record'
import type { QuotaPeriod } from '@votestream/schema/usage-plan'
import fc from 'fast-check'
import type { ApiKey } from '../../src/admission/api-key.js'
import type { QuotaLedger, StoredQuota } from '../../src/admission/quota-ledger.js'
import { createQuotas, type SharedQuotas } from '../../src/admission/quotas.js'
import { unavailable } from '../../src/store.js'

const logger = createLogger('test', 'silent')
const DAY_MS = 86_400_000
const NOON_MS = 20_000 * DAY_MS + DAY_MS / 2

const keyOf = (
  limit: number,
  { id = 'a', ratePerSecond = 1_000, period = 'day' as QuotaPeriod } = {},
): ApiKey => ({
  id,
  plan: { name: 'partner', ratePerSecond, burst: 1_000, quota: { limit, period } },
})

/** The broker's part, in memory: compare-and-set, answers that take a while, are lost, or never come. */
const createLedger = (now: () => number) => {
  const records = new Map<string, StoredQuota>()
  const ledger = {
    records,
    reads: 0,
    writes: 0,
    heldMost: 0,
    away: false,
    /** Answers of writes that are lost although what was asked is done. */
    loseAnswers: 0,
    delay: turn as () => Promise<unknown>,
    async read(id: string) {
      ledger.reads += 1
      await ledger.delay()
      if (ledger.away) throw unavailable()
      return records.get(id)
    },
    async write(id: string, record: QuotaRecord, revision: number | undefined) {
      await ledger.delay()
      if (ledger.away) throw unavailable()
      if (records.get(id)?.revision !== revision) return false
      ledger.writes += 1
      ledger.heldMost = Math.max(ledger.heldMost, record.held)
      records.set(id, { record, revision: (revision ?? 0) + 1, writtenAtMs: now() })
      await ledger.delay()
      if (ledger.loseAnswers > 0) {
        ledger.loseAnswers -= 1
        throw unavailable()
      }
      return true
    },
  } satisfies QuotaLedger & Record<string, unknown>
  return ledger
}

describe('quotas of API keys', () => {
  let nowMs = NOON_MS
  const now = () => nowMs
  let ledger = createLedger(now)
  const running: SharedQuotas[] = []
  const start = (flushEveryMs = 5): SharedQuotas => {
    const quotas = createQuotas({ ledger, now, logger, flushEveryMs })
    running.push(quotas)
    return quotas
  }
  const NEVER_MS = 3_600_000
  const takenOf = (id = 'a') => ledger.records.get(id)?.record.taken ?? 0
  const heldOf = (id = 'a') => ledger.records.get(id)?.record.held ?? 0
  const admitted = async (quotas: SharedQuotas, key: ApiKey, requests: number): Promise<number> => {
    const answers = await Promise.all(Array.from({ length: requests }, () => quotas.take(key, 1)))
    return answers.filter((answer) => answer === undefined).length
  }

  beforeEach(() => {
    nowMs = NOON_MS
    ledger = createLedger(now)
  })
  afterEach(async () => {
    await Promise.all(running.splice(0).map((quotas) => quotas.stop()))
  })

  it('a plan without one admits everything, and nothing is asked', () => {
    const key: ApiKey = { id: 'a', plan: { name: 'free', ratePerSecond: 1, burst: 1 } }
    assert.equal(start().take(key, 1_000_000), undefined)
    assert.equal(ledger.reads, 0)
  })

  it('two gateways admit exactly the quota, in turn and all at once', async () => {
    const [one, other] = [start(0), start(0)]
    for (let request = 0; request < 10; request += 1)
      assert.equal(await (request % 2 ? one : other).take(keyOf(10), 1), undefined)
    for (const quotas of [one, other]) assert.equal(await quotas.take(keyOf(10), 1), DAY_MS / 2)
    assert.equal(ledger.heldMost, 0)

    const busy = keyOf(500, { id: 'b' })
    let through = 0
    const round = async (): Promise<number> => {
      const both = await Promise.all([admitted(one, busy, 30), admitted(other, busy, 30)])
      return both[0] + both[1]
    }
    while (through < 500) {
      through += await round()
      // What one gives back the other finds when it looks again.
      nowMs += 1_000
      await turn()
    }
    nowMs += 1_000
    assert.equal(await round(), 0)
    assert.equal(through, 500)
  })

  it('a busy key is asked for ahead of need: most requests wait for nothing', async () => {
    const quotas = start(NEVER_MS)
    const key = keyOf(1_000_000)
    let waited = 0
    for (let request = 0; request < 2_000; request += 1) {
      const answer = quotas.take(key, 1)
      if (answer instanceof Promise) waited += 1
      assert.equal(await answer, undefined)
      if (request % 10 === 0) await turn()
    }
    assert.ok(waited < 40, `${waited} waited`)
    assert.ok(ledger.writes < 40, `${ledger.writes} writes`)
    assert.ok(takenOf() <= 3_000, `${takenOf()} taken`)
  })

  it('what is not needed any more is given back, and found by others', async () => {
    const [one, other] = [start(), start()]
    const key = keyOf(1_000)
    for (let round = 0; round < 5; round += 1) await admitted(one, key, 20)
    while (heldOf() > 0 || takenOf() !== 100) await pause(2)
    assert.equal(await admitted(other, key, 950), 900)
  })

  it('what one gateway used is not taken for what another holds', async () => {
    const [one, other] = [start(NEVER_MS), start(NEVER_MS)]
    const key = keyOf(10_000)
    for (let round = 0; round < 5; round += 1) await admitted(one, key, 20)
    for (let turns = 0; turns < 10; turns += 1) await turn()
    const held = heldOf()
    assert.ok(held > 0)
    assert.equal(await other.take(key, 1), undefined)
    await other.stop()
    assert.equal(heldOf(), held)
  })

  it('gives back what it holds when it stops', async () => {
    const quotas = start(NEVER_MS)
    const key = keyOf(10_000)
    for (let round = 0; round < 5; round += 1) await admitted(quotas, key, 20)
    assert.ok(takenOf() > 100, 'some is held')
    await quotas.stop()
    assert.deepEqual([takenOf(), heldOf()], [100, 0])
  })

  it('one that dies leaves less than a second of the rate as used, and nobody goes beyond the limit', async () => {
    const key = keyOf(10_000, { ratePerSecond: 50 })
    const dead = start(NEVER_MS)
    for (let round = 0; round < 10; round += 1) await admitted(dead, key, 20)
    assert.ok(takenOf() - 200 <= 50)
    for (let turns = 0; turns < 10; turns += 1) await turn()
    const left = 10_000 - takenOf()
    assert.equal(await admitted(start(), key, 11_000), left)
  })

  it('is still used up after a restart, and renews with the next period', async () => {
    const before = start()
    assert.equal(await admitted(before, keyOf(10), 11), 10)
    await before.stop()
    const after = start()
    assert.equal(await after.take(keyOf(10), 1), DAY_MS / 2)
    nowMs += DAY_MS / 2 - 1
    assert.equal(await admitted(after, keyOf(10), 1), 0)
    nowMs += 1
    assert.equal(await admitted(after, keyOf(10), 11), 10)
  })

  it('what was taken for a period is for nobody in the next', async () => {
    const quotas = start(NEVER_MS)
    const key = keyOf(1_000)
    for (let round = 0; round < 5; round += 1) await admitted(quotas, key, 20)
    assert.ok(heldOf() > 0)
    nowMs += DAY_MS / 2
    let through = 0
    for (let round = 0; round < 60; round += 1) through += await admitted(quotas, key, 20)
    assert.equal(through, 1_000)
  })

  it('a request that costs more than what is left takes nothing, and cheaper ones still go', async () => {
    const quotas = start(NEVER_MS)
    const key = keyOf(10)
    assert.equal(await quotas.take(key, 6), undefined)
    assert.equal(await quotas.take(key, 5), DAY_MS / 2)
    assert.equal(await quotas.take(key, 4), undefined)
    assert.equal(await quotas.take(key, 1), DAY_MS / 2)
  })

  it('a key that is used up is looked at again once a second, not with every request', async () => {
    const quotas = start(NEVER_MS)
    assert.equal(await admitted(quotas, keyOf(5), 6), 5)
    const reads = ledger.reads
    assert.equal(await admitted(quotas, keyOf(5), 1_000), 0)
    assert.equal(ledger.reads, reads)
    ledger.records.clear()
    nowMs += 1_000
    assert.equal(await quotas.take(keyOf(5), 1), undefined)
  })

  it('while the broker is away what was taken is let through, and then nothing', async () => {
    const quotas = start(NEVER_MS)
    const key = keyOf(10_000, { ratePerSecond: 100 })
    for (let round = 0; round < 10; round += 1) await admitted(quotas, key, 20)
    const held = takenOf() - 200
    assert.ok(held > 0)
    ledger.away = true
    for (let request = 0; request < held; request += 1) assert.equal(await quotas.take(key, 1), undefined)
    await assert.rejects(
      async () => quotas.take(key, 1),
      (error) => error instanceof VotestreamError && error.code === 'STORE_UNAVAILABLE',
    )
    ledger.away = false
    assert.equal(await quotas.take(key, 1), undefined)
  })

  it('what may have been given back is not given back again, nor let through', async () => {
    const quotas = start(NEVER_MS)
    const key = keyOf(2_000)
    for (let round = 0; round < 10; round += 1) await admitted(quotas, key, 20)
    ledger.loseAnswers = 1
    await quotas.stop()
    await quotas.stop()
    let through = 200
    const other = start()
    for (let round = 0; round < 100; round += 1) through += await admitted(other, key, 20)
    assert.ok(through <= 2_000, `${through}`)
  })

  it('whatever the broker does, gateways never admit more than the quota, and all of it when nothing is lost', async function () {
    this.timeout(60_000)
    const request = fc.record({
      gateway: fc.nat(2),
      count: fc.integer({ min: 1, max: 25 }),
      cost: fc.integer({ min: 1, max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 40 }),
        fc.integer({ min: 1, max: 300 }),
        fc.boolean(),
        fc.scheduler(),
        async (requests, limit, losesAnswers, scheduler) => {
          ledger = createLedger(now)
          let ended = false
          ledger.delay = () => (ended ? turn() : scheduler.schedule(Promise.resolve()))
          if (losesAnswers) ledger.loseAnswers = 3
          const gateways = [start(1), start(1), start(1)]
          let through = 0
          const pending = requests.flatMap(({ gateway, count, cost }) =>
            Array.from({ length: count }, async () => {
              await turn()
              const answer = await Promise.resolve(
                gateways[gateway]?.take(keyOf(limit, { ratePerSecond: 40 }), cost),
              ).catch(() => 1)
              if (answer === undefined) through += cost
            }),
          )
          const all = Promise.all(pending).then(() => {
            ended = true
          })
          while (!ended) {
            if (scheduler.count() > 0) await scheduler.waitOne()
            else await turn()
          }
          await all
          assert.ok(through <= limit, `${through} of ${limit}`)
          if (scheduler.count() > 0) await scheduler.waitAll()
          await Promise.all(gateways.map((quotas) => quotas.stop()))
          assert.ok(through <= limit && through <= takenOf(), `${through} of ${takenOf()}`)
          if (!losesAnswers) assert.deepEqual([takenOf(), heldOf()], [through, 0])
        },
      ),
      { numRuns: 60 },
    )
  })
})
