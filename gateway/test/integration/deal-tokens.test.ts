import assert from 'node:assert/strict'
import { createLogger } from '@votestream/infra/logging'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { limitKey } from '@votestream/schema/redis-keys'
import fc from 'fast-check'
import type { Plea } from '../../src/admission/gcra.js'
import { createRedisBuckets } from '../../src/admission/redis-buckets.js'
import { createSharedModel } from '../unit/admission/simulation.js'

describe('the buckets in Redis', () => {
  let servers: TestServers
  let redis: Redis
  let names = 0

  before(async () => {
    servers = await startServersForTest(['redis'])
    redis = connectRedis({
      url: servers.get('redis').url,
      name: 'test',
      logger: createLogger('test', 'silent'),
    })
    await redisReady(redis, 5_000)
  })
  after(async () => {
    redis?.disconnect()
    await servers?.stop()
  })

  /** What comes back in the time of a test is nothing that is seen. */
  const STILL = 1e-9
  const plea = fc.record({
    perSecond: fc.constant(STILL),
    burst: fc.constant(100),
    reserve: fc.constantFrom(0, 50),
    floor: fc.constantFrom(0, -100),
    owed: fc.constantFrom(0, 0, 7, 60),
    ask: fc.integer({ min: -40, max: 60 }),
    need: fc.constantFrom(0, 5, 30),
    spent: fc.constant(0),
  }) satisfies fc.Arbitrary<Plea>

  it('deal as the simulation has it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), plea), { minLength: 1, maxLength: 12 }),
        async (pleas) => {
          names += 1
          const name = `still ${names}`
          const after = (_ms: number, run: () => void) => {
            run()
            return () => undefined
          }
          const world = { now: () => 0, after }
          const modelFor = createSharedModel({ world, replicas: 1, away: () => false })
          for (const [replica, each] of pleas) {
            const [real, expected] = await Promise.all([
              createRedisBuckets(redis, `replica ${replica}`).deal([{ name, plea: each }], false),
              modelFor(replica).deal([{ name, plea: each }], false),
            ])
            assert.deepEqual(
              real.grants.map(({ tokens, scarce }) => [Math.round(tokens * 1e6), scarce]),
              expected.grants.map(({ tokens, scarce }) => [Math.round(tokens * 1e6), scarce]),
            )
          }
        },
      ),
      { numRuns: 200, seed: 20_261_125 },
    )
  })

  it('count the replicas that live, and those no more that left', async () => {
    const [one, other] = [createRedisBuckets(redis, 'one'), createRedisBuckets(redis, 'other')]
    assert.equal((await one.deal([], true)).replicas, 1)
    assert.equal((await other.deal([], true)).replicas, 2)
    assert.equal((await one.deal([], false)).replicas, undefined)
    await other.leave()
    assert.equal((await one.deal([], true)).replicas, 1)
  })

  it('are forgotten when they would be full again', async () => {
    const shared = createRedisBuckets(redis, 'one')
    const full = {
      perSecond: 50,
      burst: 200,
      reserve: 150,
      floor: -200,
      owed: 0,
      ask: 10,
      need: 0,
      spent: 0,
    }
    await shared.deal([{ name: 'user:x', plea: full }], false)
    const ttlMs = await redis.pttl(limitKey('user:x'))
    assert.ok(ttlMs > 10_000 && ttlMs <= 18_000, `${ttlMs} ms`)
  })
})
