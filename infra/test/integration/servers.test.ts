import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Redis } from 'ioredis'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'

describe('the servers of one machine', () => {
  let servers: TestServers

  before(async function () {
    this.timeout(120_000)
    servers = await startServersForTest(['nats', 'redis'])
  })

  after(() => servers.stop())

  it('nats-server keeps what it acknowledged when it is killed the moment after', async () => {
    const publisher = await connect({ servers: servers.get('nats').url, reconnect: false })
    const manager = await jetstreamManager(publisher)
    await manager.streams.add({ name: 'KEPT', subjects: ['kept.>'] })
    for (let count = 1; count <= 20; count++) {
      await jetstream(publisher).publish('kept.one', `${count}`)
    }
    await servers.crash('nats')
    await publisher.close()

    const reader = await connect({ servers: servers.get('nats').url })
    const { state } = await (await jetstreamManager(reader)).streams.info('KEPT')
    await reader.close()
    assert.equal(state.messages, 20)
  })

  it('nats-server takes a message of 16 MB and no larger one', async () => {
    const connection = await connect({ servers: servers.get('nats').url })
    assert.equal(connection.info?.max_payload, 16 * 1024 * 1024)
    await connection.close()
  })

  it('redis-server refuses to evict, writes an append-only file, and has its data after an orderly stop', async () => {
    const first = new Redis(servers.get('redis').url, { lazyConnect: true })
    await first.connect()
    assert.deepEqual(await first.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction'])
    assert.deepEqual(await first.config('GET', 'appendonly'), ['appendonly', 'yes'])
    assert.deepEqual(await first.config('GET', 'appendfsync'), ['appendfsync', 'everysec'])
    await first.set('kept', 'yes')
    first.disconnect()
    await servers.get('redis').stop()
    await servers.start('redis')

    const second = new Redis(servers.get('redis').url)
    assert.equal(await second.get('kept'), 'yes')
    second.disconnect()
  })

  it('nothing is left of a stopped set: no process, no folder', async function () {
    this.timeout(60_000)
    const others = await startServersForTest(['nats', 'redis'])
    const pids = [others.get('nats').pid, others.get('redis').pid]
    await others.stop()
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    assert.equal(existsSync(others.folder), false)
  })
})
