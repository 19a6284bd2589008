import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Outcome, Samples } from '../../../src/load/protocol.js'
import { createRequestStore } from '../../../src/load/request-store.js'
import { createSampleColumns } from '../../../src/load/sample-columns.js'
import { createSender } from '../../../src/load/sender.js'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** A server that does what it is told with the k-th request that it receives. */
const startPeer = async (react: (socket: Socket, text: string, received: number) => void) => {
  const texts: string[] = []
  let connections = 0
  const server: Server = createServer((socket) => {
    connections += 1
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      texts.push(data.toString())
      react(socket, data.toString(), texts.length)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    texts,
    connections: () => connections,
    stop: () => server.close(),
  }
}

/** Sends `count` requests one after the other, closed, over so many connections. */
const send = async (port: number, count: number, { connections = 1, timeoutMs = 200 } = {}) => {
  const requests = createRequestStore()
  const texts = Array.from({ length: count }, (_, index) => `GET /${index} HTTP/1.1\r\nhost: a\r\n\r\n`)
  const bytes = Buffer.from(texts.join(''))
  let end = 0
  const ends = Uint32Array.from(texts, (text) => {
    end += text.length
    return end
  })
  requests.take({ bytes, ends, series: new Uint8Array(count) })
  const samples = createSampleColumns()
  const sender = createSender(
    {
      do: 'prepare',
      target: { host: '127.0.0.1', port, isTls: false },
      series: [{ name: 'all', success: 'status' }],
      connections,
      timeoutMs,
      pace: { mode: 'closed', rampSeconds: 0, seconds: 30 },
      position: 0,
      processes: 1,
      count,
      repeat: false,
    },
    requests,
    samples,
  )
  try {
    await sender.connect()
    await sender.run(performance.now())
    const taken = samples.take()
    assert.ok(taken)
    return { outcomes: outcomesOf(taken), reconnects: sender.reconnects() }
  } finally {
    sender.close()
  }
}

const outcomesOf = ({ count, request, outcome, outcomes }: Samples): string[] => {
  const texts: string[] = []
  for (let at = 0; at < count; at += 1) {
    const found: Outcome | undefined = outcomes[outcome[at] ?? 0]
    texts[request[at] ?? 0] = `${found?.is} ${found?.code}`
  }
  return texts
}

describe('a connection of the load', () => {
  it('is kept, and has one request on its way at a time', async () => {
    const peer = await startPeer((socket) => void setImmediate(() => socket.write(OK)))
    const { outcomes } = await send(peer.port, 5)
    peer.stop()
    assert.deepEqual(
      outcomes,
      Array.from({ length: 5 }, () => 'acknowledged 200'),
    )
    assert.equal(peer.connections(), 1)
    assert.deepEqual(
      peer.texts.map((text) => text.split(' ')[1]),
      ['/0', '/1', '/2', '/3', '/4'],
    )
  })

  it('puts an answer together from single bytes', async () => {
    const peer = await startPeer((socket) => {
      const drip = (at: number): void => {
        if (at === OK.length) return
        socket.write(OK.charAt(at))
        setImmediate(() => drip(at + 1))
      }
      socket.setNoDelay(true)
      drip(0)
    })
    const { outcomes } = await send(peer.port, 2, { timeoutMs: 2_000 })
    peer.stop()
    assert.deepEqual(outcomes, ['acknowledged 200', 'acknowledged 200'])
  })

  const losses: readonly (readonly [string, string, (socket: Socket) => void])[] = [
    ['that the server closes', 'unanswered connection lost', (socket) => socket.destroy()],
    ['on which half an answer comes', 'unanswered connection lost', (socket) => socket.end(OK.slice(0, 20))],
    ['on which nobody answers', 'unanswered timeout', () => undefined],
    ['on which two answers come', 'unanswered malformed answer', (socket) => void socket.write(OK + OK)],
    ['on which no HTTP comes', 'unanswered malformed answer', (socket) => void socket.write('no\r\n\r\n')],
  ]
  for (const [name, expected, break_] of losses) {
    it(`${name} is opened again, and its request is not sent again`, async () => {
      const peer = await startPeer((socket, _, received) => {
        if (received === 2) break_(socket)
        else socket.write(OK)
      })
      const { outcomes, reconnects } = await send(peer.port, 3)
      peer.stop()
      assert.deepEqual(outcomes, ['acknowledged 200', expected, 'acknowledged 200'])
      assert.deepEqual([peer.texts.length, peer.connections(), reconnects], [3, 2, 1])
    })
  }

  it('that the server wants closed after an answer is, without an error', async () => {
    const peer = await startPeer((socket) => void socket.end(OK.replace('OK', 'OK\r\nconnection: close')))
    const { outcomes } = await send(peer.port, 2)
    peer.stop()
    assert.deepEqual(outcomes, ['acknowledged 200', 'acknowledged 200'])
    assert.equal(peer.connections(), 2)
  })

  it('ends an answer that has no length', async () => {
    const peer = await startPeer((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nok'))
    const { outcomes } = await send(peer.port, 2)
    peer.stop()
    assert.deepEqual(outcomes, ['acknowledged 200', 'acknowledged 200'])
  })

  it('that nobody takes is said before anything is sent', async () => {
    const peer = await startPeer(() => undefined)
    peer.stop()
    await assert.rejects(send(peer.port, 1), /ECONNREFUSED/)
  })
})
