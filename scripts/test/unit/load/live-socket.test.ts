import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { WebSocketServer } from 'ws'
import { createFrameReader } from '../../../src/load/frames.js'
import { openLiveSocket } from '../../../src/load/live-socket.js'

/** A server's frame, as RFC 6455 has it. */
const frameOf = (opcode: number, payload: Buffer): Buffer => {
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.from([128 | opcode, length]), payload])
  const head = Buffer.alloc(length < 65_536 ? 4 : 10)
  head[0] = 128 | opcode
  head[1] = length < 65_536 ? 126 : 127
  if (length < 65_536) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

describe('the sockets of viewers', () => {
  it('read the same frames, wherever the bytes are cut', () => {
    const frames = fc.array(
      fc.tuple(fc.constantFrom(1, 9), fc.constantFrom(0, 1, 125, 126, 300, 65_535, 70_000)),
    )
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 90_000 })), (sent, cuts) => {
        const payloads = sent.map(([opcode, length], index) => ({
          opcode,
          payload: Buffer.alloc(length, index),
        }))
        let bytes = Buffer.concat(payloads.map(({ opcode, payload }) => frameOf(opcode, payload)))
        const read: { opcode: number; payload: Buffer }[] = []
        const take = createFrameReader(({ opcode, payload }) =>
          read.push({ opcode, payload: Buffer.from(payload) }),
        )
        while (bytes.length > 0) {
          const cut = cuts.next().value ?? 1
          take(bytes.subarray(0, cut))
          bytes = bytes.subarray(cut)
        }
        assert.deepEqual(read, payloads)
      }),
    )
  })

  it('talk to a server, answer its pings, and say when they are closed', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    try {
      await once(server, 'listening')
      const said: string[] = []
      const closed = new Promise<string>((resolve) => {
        openLiveSocket({
          target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port, isTls: false },
          host: '127.0.0.1',
          path: '/',
          protocol: 'one',
          localAddress: '127.0.0.2',
          onOpen: (socket) => socket.send('x'.repeat(1_000)),
          onText: (text) => said.push(String(text)),
          onClose: resolve,
        })
      })
      const [socket] = await once(server, 'connection')
      assert.equal(socket.protocol, 'one')
      const [heard] = await once(socket, 'message')
      assert.equal(String(heard), 'x'.repeat(1_000))
      socket.send('ä')
      socket.ping('still there?')
      const [answered] = await once(socket, 'pong')
      assert.equal(String(answered), 'still there?')
      socket.send('first, ', { fin: false })
      socket.ping()
      socket.send('second, ', { fin: false })
      socket.send('last', { fin: true })
      await once(socket, 'pong')
      assert.deepEqual(said, ['ä', 'first, second, last'])
      socket.close(1013, 'too slow')
      assert.equal(await closed, '1013 too slow')
    } finally {
      for (const client of server.clients) client.terminate()
      server.close()
    }
  })
})
