import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { startTcpProxy, type TcpProxy } from '../../src/chaos/tcp-proxy.js'

describe('a proxy in front of a server', () => {
  let server: Server
  let proxy: TcpProxy
  const sockets: Socket[] = []

  beforeEach(async () => {
    server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.pipe(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address)
    proxy = await startTcpProxy(address.port)
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await proxy.close()
    server.close()
  })

  const open = async (): Promise<Socket> => {
    const socket = connect(proxy.port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }
  const echo = async (socket: Socket, text: string): Promise<string> => {
    socket.write(text)
    const [bytes] = await once(socket, 'data')
    return String(bytes)
  }

  it('passes bytes on, both ways', async () => {
    assert.equal(await echo(await open(), 'hello'), 'hello')
  })

  it('cut: ends the connections there are, and new ones too, until it passes again', async () => {
    const before = await open()
    await echo(before, 'a')
    proxy.begin('cut')
    await once(before, 'close')
    await once(await open(), 'close')
    proxy.end()
    assert.equal(await echo(await open(), 'b'), 'b')
  })

  it('delay: bytes come late and in order', async () => {
    const socket = await open()
    proxy.begin('delay')
    const beganMs = performance.now()
    assert.equal(await echo(socket, 'a'), 'a')
    assert.ok(performance.now() - beganMs > 100)
  })

  it('half-open: connections fall silent for good, while new ones work', async () => {
    const silent = await open()
    await echo(silent, 'a')
    proxy.begin('half-open')
    const heard: unknown[] = []
    silent.on('data', (bytes) => heard.push(bytes))
    silent.write('b')
    assert.equal(await echo(await open(), 'c'), 'c')
    proxy.end()
    silent.write('d')
    assert.equal(await echo(await open(), 'e'), 'e')
    assert.deepEqual(heard, [])
    assert.equal(silent.destroyed, false)
  })
})
