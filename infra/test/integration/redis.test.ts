import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createLogger } from '../../src/logging.js'
import { connectRedis, redisReady } from '../../src/redis.js'
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
})
