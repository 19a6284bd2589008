import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createLogger } from '../../src/logging.js'
import { connectRedis, redisReady } from '../../src/redis.js'
import { findServer } from '../../src/servers/find-server.js'
import { freePort } from '../../src/servers/free-port.js'
import { redisServerSpec } from '../../src/servers/redis-server.js'
import { spawnServer } from '../../src/servers/server-process.js'
import { redisRequirement } from '../../src/servers/server-source.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'

const logger = createLogger('test', 'silent')

describe('the connection to Redis', () => {
  let servers: TestServers

  before(async () => {
    servers = await startServersForTest(['redis'])
  })
  after(() => servers.stop())

  it('that is half open is left for a new one within seconds', async () => {
    // A way to Redis on which what was connected falls silent, as when the other machine has lost its power.
    const sockets: Socket[] = []
    const proxy = createServer((near) => {
      const far = connect(servers.get('redis').port, '127.0.0.1')
      near.on('error', () => undefined).pipe(far)
      far.on('error', () => undefined).pipe(near)
      sockets.push(near, far)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port } = proxy.address() as AddressInfo
    const redis = connectRedis({
      url: `redis://127.0.0.1:${port}`,
      name: 'test',
      logger,
      commandTimeoutMs: 300,
    })
    try {
      await redisReady(redis, 5_000)
      for (const socket of sockets.splice(0)) socket.unpipe().pause()
      const beganMs = performance.now()
      while ((await redis.ping().catch(() => 'silence')) !== 'PONG') {
        assert.ok(performance.now() - beganMs < 5_000)
        await pause(50)
      }
    } finally {
      redis.disconnect()
      for (const socket of sockets) socket.destroy()
      proxy.close()
    }
  })

  it('is there as soon as Redis has read its file, whatever Redis said that it would take', async () => {
    // What is slow to read stands at the beginning: Redis takes the rest for as slow.
    const slow = command('EVAL', 'for i = 1, 3e6 do local x = i * i end', '0').repeat(30)
    const quick = command('SET', 'key', 'x'.repeat(1_000)).repeat(30_000)
    const dataDir = join(servers.folder, 'slow-to-read')
    mkdirSync(join(dataDir, 'appendonlydir'), { recursive: true })
    const file = 'appendonly.aof.1.incr.aof'
    writeFileSync(join(dataDir, 'appendonlydir', file), slow + quick)
    writeFileSync(join(dataDir, 'appendonlydir', 'appendonly.aof.manifest'), `file ${file} seq 1 type i\n`)
    const port = await freePort()
    const spec = await redisServerSpec({ binary: await findServer(redisRequirement), port, dataDir })
    const args = [...spec.args, '--loading-process-events-interval-bytes', '1024']
    const server = await spawnServer({ ...spec, args })
    const redis = connectRedis({ url: `redis://127.0.0.1:${port}`, name: 'test', logger })
    try {
      // Connected, and told to wait.
      while (redis.status !== 'connect') await pause(5)
      await pause(100)
      assert.equal(redis.status, 'connect')
      while (!(await spec.isReady().catch(() => false))) await pause(10)
      const beganMs = performance.now()
      await redisReady(redis, 5_000)
      assert.ok(performance.now() - beganMs < 1_000)
    } finally {
      redis.disconnect()
      await server.stop()
    }
  })
})

/** As it stands in an append-only file. */
const command = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
