import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createLogger } from '../../src/logging.js'
import { ConnectionReplacedError, connectNats } from '../../src/nats.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'

const logger = createLogger('test', 'silent')

describe('the connection to NATS', () => {
  let servers: TestServers

  before(async () => {
    servers = await startServersForTest(['nats'])
  })
  after(() => servers.stop())

  it('that gets no greeting, as from a server that is stopped, is left for a new one within seconds', async () => {
    const sockets: Socket[] = []
    const door = createServer((near) => {
      sockets.push(near)
      near.on('error', () => undefined)
      // The first one is taken, and nobody is there behind it.
      if (sockets.length === 1) return
      const far = connect(servers.get('nats').port, '127.0.0.1')
      sockets.push(far)
      far.on('error', () => undefined)
      near.pipe(far).pipe(near)
    }).listen(0, '127.0.0.1')
    await once(door, 'listening')
    const { port } = door.address() as AddressInfo
    const beganMs = performance.now()
    const nats = await connectNats({ url: `nats://127.0.0.1:${port}`, name: 'test', logger })
    try {
      assert.ok(performance.now() - beganMs < 8_000)
      assert.ok(nats.connected())
    } finally {
      await nats.close()
      for (const socket of sockets) socket.destroy()
      door.close()
    }
  })

  it('comes back at once though the wall clock was set back by an hour since it was made', async () => {
    const { now } = Date
    Date.now = () => now() + 3_600_000
    const nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger }).finally(() => {
      Date.now = now
    })
    try {
      const beganMs = performance.now()
      const back = (async () => {
        for await (const { type } of nats.connection.status()) if (type === 'reconnect') return
      })()
      await nats.connection.reconnect()
      await back
      assert.ok(performance.now() - beganMs < 2_000)
    } finally {
      await nats.close()
    }
  })

  it('that falls silent is left for a new one, and what was asked on it fails then', async () => {
    const sockets: Socket[] = []
    const door = createServer((near) => {
      const far = connect(servers.get('nats').port, '127.0.0.1')
      sockets.push(near, far)
      for (const socket of [near, far]) socket.on('error', () => undefined)
      near.pipe(far).pipe(near)
    }).listen(0, '127.0.0.1')
    await once(door, 'listening')
    const { port } = door.address() as AddressInfo
    const nats = await connectNats({ url: `nats://127.0.0.1:${port}`, name: 'test', logger })
    try {
      nats.connection.subscribe('question')
      await nats.connection.flush()
      for (const socket of sockets) {
        socket.unpipe()
        socket.resume()
      }
      const beganMs = performance.now()
      const asked = nats.connection.request('question', '', { timeout: 20_000 })
      await assert.rejects(nats.onThisConnection(asked), ConnectionReplacedError)
      assert.ok(performance.now() - beganMs < 3_500)
      await nats.connection.flush()
      asked.catch(() => undefined)
    } finally {
      await nats.close()
      for (const socket of sockets) socket.destroy()
      door.close()
    }
  })
})
