import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import { type Shard, shardNumber } from '@votestream/schema/numbers'
import { SeizureLostError, seizeLease, withSeizedLease } from '../../src/lease-seizure.js'
import { holdLeases, type Leases } from '../../src/leases.js'
import { createLogger } from '../../src/logging.js'
import { connectNats, type Nats } from '../../src/nats.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'
import { LEASE_TTL_MS, openLeasesBucket } from '../../src/streams.js'

const logger = createLogger('test', 'silent')
const shard = shardNumber(0)

describe('a lease that is seized', function () {
  this.timeout(30_000)
  let servers: TestServers
  let nats: Nats
  let bucket: KV
  const holders: Leases[] = []

  before(async () => {
    servers = await startServersForTest(['nats'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    bucket = await openLeasesBucket(nats, 1)
  })
  after(async () => {
    await nats.close()
    await servers.stop()
  })
  afterEach(() => Promise.all(holders.splice(0).map((holder) => holder.stop())))

  const hold = async (role: string, instance: string) => {
    const working = new Set<Shard>()
    const leases = await holdLeases({
      bucket,
      role,
      instance,
      shards: 1,
      logger,
      work: async (held, signal) => {
        working.add(held)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        working.delete(held)
      },
    })
    holders.push(leases)
    return { leases, working }
  }
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await pause(5)
  }

  it('is worked under by nobody else until it is given back, and then at once again', async () => {
    const one = await hold('seized', 'one')
    const two = await hold('seized', 'two')
    const working = () => one.working.size + two.working.size
    await until(() => working() === 1)
    const lease = await seizeLease({ bucket, role: 'seized', shard, instance: 'command' })
    await lease.alone
    assert.equal(working(), 0)
    // Longer than the lease lasts without a renewal.
    await pause(LEASE_TTL_MS + 1_500)
    assert.equal(working(), 0)
    assert.equal(lease.signal.aborted, false)
    const beganMs = performance.now()
    await lease.giveBack()
    await until(() => working() === 1)
    assert.ok(performance.now() - beganMs < 1_000)
  })

  it('is noticed by its holder at once, not only when its renewal is refused', async () => {
    const one = await hold('noticed', 'one')
    await until(() => one.working.size === 1)
    // Beginning at any moment between two renewals: the slowest of several tells.
    let slowestMs = 0
    for (let times = 0; times < 5; times += 1) {
      const beganMs = performance.now()
      const lease = await seizeLease({ bucket, role: 'noticed', shard, instance: `command-${times}` })
      await until(() => one.working.size === 0)
      slowestMs = Math.max(slowestMs, performance.now() - beganMs)
      await lease.giveBack()
      await until(() => one.working.size === 1)
    }
    assert.ok(slowestMs < 300, `${slowestMs} ms`)
  })

  it('that nobody held is worked under without a wait', async () => {
    const beganMs = performance.now()
    await withSeizedLease({ bucket, role: 'free', shard, instance: 'command' }, ({ alone }) => alone)
    assert.ok(performance.now() - beganMs < 1_000)
  })

  it('is given back also by work that failed', async () => {
    const work = async () => assert.fail('of its own')
    await assert.rejects(
      withSeizedLease({ bucket, role: 'failed', shard, instance: 'command' }, work),
      /of its own/,
    )
    const one = await hold('failed', 'one')
    const beganMs = performance.now()
    await until(() => one.working.size === 1)
    assert.ok(performance.now() - beganMs < 1_000)
  })

  it('ends the work of whoever seized it before', async () => {
    const first = withSeizedLease(
      { bucket, role: 'twice', shard, instance: 'first' },
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('ended')))),
    )
    const lost = assert.rejects(first, SeizureLostError)
    while (!(await bucket.get('twice.0'))) await pause(5)
    const second = await seizeLease({ bucket, role: 'twice', shard, instance: 'second' })
    await lost
    assert.equal(second.signal.aborted, false)
    assert.equal((await bucket.get('twice.0'))?.string(), 'second')
    await second.giveBack()
  })

  describe('while somebody else takes it', () => {
    /** What happens between the first look at the lease and what is written then. */
    const meanwhile = (work: () => Promise<unknown>): KV => {
      let done = false
      return new Proxy(bucket, {
        get(target, name) {
          if (name !== 'get') {
            const member: unknown = Reflect.get(target, name)
            return typeof member === 'function' ? member.bind(target) : member
          }
          return async (key: string) => {
            const seen = await target.get(key)
            if (!done) {
              done = true
              await work()
            }
            return seen
          }
        },
      })
    }

    it('is not worked under before that one has ended', async () => {
      let working: ReadonlySet<Shard> = new Set()
      const taking = meanwhile(async () => {
        const holder = await hold('raced', 'one')
        working = holder.working
        await until(() => working.size === 1)
      })
      const lease = await seizeLease({ bucket: taking, role: 'raced', shard, instance: 'command' })
      await lease.alone
      assert.equal(working.size, 0)
      assert.equal((await bucket.get('raced.0'))?.string(), 'command')
      await lease.giveBack()
    })

    it('by a seizure too, ends that one before it is worked under', async () => {
      let lost = false
      const taking = meanwhile(async () => {
        const first = await seizeLease({ bucket, role: 'overtaken', shard, instance: 'first' })
        first.signal.addEventListener('abort', () => {
          lost = true
        })
      })
      const second = await seizeLease({ bucket: taking, role: 'overtaken', shard, instance: 'second' })
      await second.alone
      assert.ok(lost, 'two work under one lease')
      assert.equal(second.signal.aborted, false)
      await second.giveBack()
    })

    it('is free again by then, and is taken as it is', async () => {
      const before = await seizeLease({ bucket, role: 'freed', shard, instance: 'before' })
      const taking = meanwhile(() => before.giveBack())
      const lease = await seizeLease({ bucket: taking, role: 'freed', shard, instance: 'command' })
      assert.equal((await bucket.get('freed.0'))?.string(), 'command')
      await lease.giveBack()
    })
  })
})
