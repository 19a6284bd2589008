import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import type { Shard } from '@votestream/schema/numbers'
import { holdLeases, type Leases } from '../../src/leases.js'
import { createLogger } from '../../src/logging.js'
import { connectNats, type Nats } from '../../src/nats.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'
import { LEASE_TTL_MS, openLeasesBucket } from '../../src/streams.js'

const logger = createLogger('test', 'silent')

describe('leases', () => {
  let servers: TestServers
  const connections: Nats[] = []
  const holders: Leases[] = []

  before(async () => {
    servers = await startServersForTest(['nats'])
  })
  after(() => servers.stop())
  afterEach(async () => {
    await Promise.all(holders.splice(0).map((holder) => holder.stop()))
    await Promise.all(connections.splice(0).map((nats) => nats.close()))
  })

  const open = async (url = servers.get('nats').url): Promise<{ nats: Nats; bucket: KV }> => {
    const nats = await connectNats({ url, name: 'test', logger })
    connections.push(nats)
    return { nats, bucket: await openLeasesBucket(nats, 1) }
  }

  /** Work that says what it is doing. */
  const hold = async (role: string, instance: string, shards: number, url?: string) => {
    const { nats, bucket } = await open(url)
    const working = new Set<Shard>()
    const leases = await holdLeases({
      bucket,
      role,
      instance,
      shards,
      logger,
      work: async (shard, signal) => {
        working.add(shard)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        working.delete(shard)
      },
    })
    holders.push(leases)
    return { nats, leases, working }
  }

  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await pause(5)
  }

  it('one instance takes all, a second one half, and each shard is worked on', async () => {
    const one = await hold('even', 'one', 4)
    await until(() => one.working.size === 4)
    const two = await hold('even', 'two', 4)
    await until(() => one.working.size === 2 && two.working.size === 2)
    assert.equal(new Set([...one.working, ...two.working]).size, 4)
  })

  it('an instance that stops in order is followed within a fraction of a second', async () => {
    const one = await hold('handover', 'one', 2)
    await until(() => one.working.size === 2)
    const two = await hold('handover', 'two', 2)
    await until(() => two.working.size === 1)
    const beganMs = performance.now()
    await one.leases.stop()
    await until(() => two.working.size === 2)
    assert.ok(performance.now() - beganMs < 1_000)
  })

  /** An instance that prepares as long as it is told to. */
  const holdPrepared = async (role: string, instance: string, prepare: (shard: Shard) => Promise<void>) => {
    const { bucket } = await open()
    const working = new Set<Shard>()
    const work = async (shard: Shard, signal: AbortSignal): Promise<void> => {
      working.add(shard)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      working.delete(shard)
    }
    const leases = await holdLeases({ bucket, role, instance, shards: 1, logger, work, prepare })
    holders.push(leases)
    /** What another instance wrote came to this one, too: it is asked for behind it, on the same connection. */
    const knows = async (other: string): Promise<void> => {
      while (!(await bucket.get(`member.${role}.${other}`))) await pause(5)
      await bucket.get(`member.${role}.${other}`)
    }
    return { leases, working, knows }
  }

  it('a lease that changes hands in order is worked under until the next instance is prepared', async () => {
    const one = await holdPrepared('prepared', 'one', async () => undefined)
    await until(() => one.working.size === 1)
    const seenWorking: boolean[] = []
    const two = await holdPrepared('prepared', 'two', async () => {
      await pause(300)
      seenWorking.push(one.working.size === 1)
    })
    await one.knows('two')
    await one.leases.stop()
    await until(() => two.working.size === 1)
    assert.deepEqual(seenWorking, [true])
  })

  it('an instance that is not ready in time gets the lease all the same', async () => {
    const one = await holdPrepared('unprepared', 'one', async () => undefined)
    await until(() => one.working.size === 1)
    const two = await holdPrepared('unprepared', 'two', () => new Promise(() => undefined))
    await one.knows('two')
    const beganMs = performance.now()
    await one.leases.stop()
    await until(() => two.working.size === 1)
    assert.ok(performance.now() - beganMs < 2_000)
  })

  it('an instance that is cut off is followed when its lease has run out, and has stopped by then', async () => {
    const one = await hold('cut', 'one', 1)
    await until(() => one.working.size === 1)
    const two = await hold('cut', 'two', 1)
    const beganMs = performance.now()
    await one.nats.close()
    await until(() => one.working.size === 0)
    await until(() => two.working.size === 1)
    assert.ok(performance.now() - beganMs < LEASE_TTL_MS + 1_500)
  })

  it('an instance that is started anew under its old name takes its leases again at once', async () => {
    const one = await hold('renamed', 'same', 2)
    await until(() => one.working.size === 2)
    await one.nats.close()
    const beganMs = performance.now()
    const again = await hold('renamed', 'same', 2)
    await until(() => again.working.size === 2)
    assert.ok(performance.now() - beganMs < 1_000)
  })

  it('an instance that begins after another was cut off waits only for what is left of its lease', async () => {
    const one = await hold('late', 'one', 1)
    await until(() => one.working.size === 1)
    const beganMs = performance.now()
    await one.nats.close()
    await pause(2_000)
    const two = await hold('late', 'two', 1)
    await until(() => two.working.size === 1)
    assert.ok(performance.now() - beganMs < LEASE_TTL_MS + 1_000)
  })

  it('work that is slow to end costs no other lease', async () => {
    const { nats, bucket } = await open()
    const log: string[] = []
    const slow = await holdLeases({
      bucket,
      role: 'slow',
      instance: 'one',
      shards: 2,
      logger,
      work: async (shard, signal) => {
        log.push(`begin ${shard}`)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        if (log.length === 2) await pause(LEASE_TTL_MS + 2_000)
        log.push(`end ${shard}`)
      },
    })
    holders.push(slow)
    await until(() => log.length === 2)
    const two = await hold('slow', 'two', 2)
    await until(() => two.working.size > 0)
    assert.deepEqual(log.slice(2), ['end 1'])
    assert.deepEqual([...two.working], [1])
    assert.ok(nats.connected())
  })

  it('an instance stops within seconds though the broker is away', async () => {
    const one = await hold('away', 'one', 2)
    await until(() => one.working.size === 2)
    await servers.kill('nats')
    try {
      const beganMs = performance.now()
      await one.leases.stop()
      assert.equal(one.working.size, 0)
      assert.ok(performance.now() - beganMs < 3_000)
    } finally {
      await servers.start('nats')
    }
  })

  it('an instance stops within seconds though its work and its takings wait for a broker that is away', async () => {
    const { nats, bucket } = await open()
    const leases = await holdLeases({
      bucket,
      role: 'stuck',
      instance: 'one',
      shards: 1,
      logger,
      work: async (_shard, signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        await nats.jsm.streams.info('KV_leases').catch(() => undefined)
      },
    })
    await until(() => leases.held().length === 1)
    await servers.kill('nats')
    try {
      await pause(LEASE_TTL_MS)
      const beganMs = performance.now()
      await leases.stop()
      assert.ok(performance.now() - beganMs < 4_000)
    } finally {
      await servers.start('nats')
    }
  })

  it('a renewal whose answer was lost does not cost the lease', async () => {
    const { bucket } = await open()
    let lost = 0
    const deaf = new Proxy(bucket, {
      get(target, name) {
        if (name !== 'update') return Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)
        return async (...args: Parameters<KV['update']>) => {
          const revision = await target.update(...args)
          lost += 1
          if (lost === 1) throw new Error('timeout')
          return revision
        }
      },
    })
    let begun = 0
    const leases = await holdLeases({
      bucket: deaf,
      role: 'deaf',
      instance: 'one',
      shards: 1,
      logger,
      work: async (_shard, signal) => {
        begun += 1
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      },
    })
    holders.push(leases)
    await until(() => lost >= 3 || begun > 1)
    assert.equal(begun, 1)
    assert.equal(leases.held().length, 1)
  })

  it('a lease that ran out while the way to the broker was cut is taken as soon as it is there again', async () => {
    const way = await startWay(servers.get('nats').port)
    try {
      const one = await hold('cut', 'one', 1, `nats://127.0.0.1:${way.port}`)
      await until(() => one.working.size === 1)
      way.cut()
      await until(() => one.working.size === 0)
      // By now it has asked for it again, and what it asked went into a connection that led nowhere.
      await pause(2_000)
      way.mend()
      const beganMs = performance.now()
      await until(() => one.working.size === 1)
      assert.ok(performance.now() - beganMs < 2_500)
    } finally {
      way.close()
    }
  })

  it('work that fails is begun again while the lease is held', async () => {
    const { bucket } = await open()
    let tries = 0
    holders.push(
      await holdLeases({
        bucket,
        role: 'retry',
        instance: 'one',
        shards: 1,
        logger,
        work: async (_shard, signal) => {
          tries += 1
          if (tries < 3) throw new Error('not yet')
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        },
      }),
    )
    await until(() => tries === 3)
  })

  it('a restart of the broker leaves leases that are held, and that another one can still take over', async () => {
    const one = await hold('restart', 'one', 2)
    await until(() => one.working.size === 2)
    await servers.crash('nats')
    const two = await hold('restart', 'two', 2)
    await until(() => one.working.size === 1 && two.working.size === 1)
    await one.leases.stop()
    await until(() => two.working.size === 2)
  })
})

/** A way to a server that can be cut: it still takes connections then, and drops them. */
const startWay = async (serverPort: number) => {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) return near.destroy()
    const far = connect(serverPort, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const drop = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true
      drop()
    },
    mend: () => {
      isCut = false
    },
    close: () => {
      drop()
      server.close()
    },
  }
}
