import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import { exchangeRaw, lastAnswer, portOf } from '../raw-exchange.js'
import { startTestGateway, type TestGateway } from './test-gateway.js'

const OWN = 'https://pages.example.org'

describe('what sockets may do', () => {
  let gateway: TestGateway
  let shortLived: TestGateway
  before(async () => {
    gateway = await startTestGateway({ sockets: { stages: ['beta', 'show-1'] }, origins: [OWN] })
    shortLived = await startTestGateway({
      sockets: { idleMs: 400, lifeMs: 1_500, pingEveryMs: 64, perSecondMax: 4 },
    })
    for (const { app } of [gateway, shortLived]) await app.listen({ port: 0, host: '127.0.0.1' })
  })
  after(async () => {
    await gateway.stop()
    await shortLived.stop()
  })

  const urlOf = ({ app }: TestGateway, path = '/graphql') => `ws://127.0.0.1:${portOf(app)}${path}`
  const open = (to: TestGateway, path?: string, origin?: string) =>
    new WebSocket(urlOf(to, path), 'graphql-transport-ws', origin === undefined ? {} : { origin })

  /** The answer that refused it; undefined: it is open. */
  const refusalOf = async (socket: WebSocket): Promise<IncomingMessage | undefined> => {
    const refused = new Promise<IncomingMessage>((resolve) => {
      socket.once('unexpected-response', (_request, response) => resolve(response))
    })
    const answer = await Promise.race([refused, once(socket, 'open').then(() => undefined)])
    answer?.destroy()
    if (!answer) socket.terminate()
    return answer
  }
  const statusOf = async (socket: WebSocket) => (await refusalOf(socket))?.statusCode ?? 101

  /** @returns the code and the reason of its end. */
  const endOf = async (socket: WebSocket) => {
    const [code, reason] = await once(socket, 'close')
    return [code, String(reason)]
  }
  const greeted = async (to: TestGateway) => {
    const socket = open(to)
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    await once(socket, 'message')
    return socket
  }

  it('more new ones in a second than may come get 429 that says when to come again', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => refusalOf(open(shortLived))))
    const refused = answers.filter((answer) => answer !== undefined)
    assert.equal(answers.length - refused.length, 4)
    for (const { statusCode, headers } of refused) {
      assert.deepEqual([statusCode, headers['retry-after']], [429, '1'])
    }
    // Refused, they took nothing from those who come later.
    while ((await statusOf(open(shortLived))) !== 101);
  })

  it('one on which nobody says anything is closed, however it answers pings', async () => {
    const socket = await again(() => greeted(shortLived))
    assert.deepEqual(await endOf(socket), [1001, 'Idle'])
  })

  it('one that is in use is closed when its life is over', async () => {
    const socket = await again(() => greeted(shortLived))
    const beganMs = performance.now()
    const asking = setInterval(() => socket.send('{"type":"ping"}'), 50)
    assert.deepEqual(await endOf(socket), [1001, 'Open for long enough'])
    clearInterval(asking)
    const lastedMs = performance.now() - beganMs
    assert.ok(lastedMs > 1_000 && lastedMs < 2_500, `${lastedMs}`)
  })

  /** Until the rate lets it in. */
  const again = async (make: () => Promise<WebSocket>): Promise<WebSocket> => {
    for (;;) {
      const socket = await make().catch(() => undefined)
      if (socket) return socket
    }
  }

  /** A ping of the protocol whose text has so many bytes. */
  const message = (bytes: number) => {
    const [start, end] = ['{"type":"ping","payload":{"a":"', '"}}']
    return start + 'x'.repeat(bytes - start.length - end.length) + end
  }
  const sendInFrames = (socket: WebSocket, text: string, frameBytes: number) => {
    for (let at = 0; at < text.length; at += frameBytes) {
      socket.send(text.slice(at, at + frameBytes), { fin: at + frameBytes >= text.length })
    }
  }

  it('a frame of 32 KB is read, and one byte more closes with 1009', async () => {
    const socket = await greeted(gateway)
    socket.send(message(32 * 1024))
    const [answer] = await once(socket, 'message')
    assert.match(String(answer), /"pong"/)
    let logins = 0
    const { login } = gateway.accounts
    gateway.accounts.login = (...given) => {
      logins += 1
      return login(...given)
    }
    const query = 'mutation { login(username: "nobody", password: "correct horse") { token } }'
    const operation = JSON.stringify({ id: '1', type: 'subscribe', payload: { query } })
    socket.send(operation.padEnd(32 * 1024 + 1))
    assert.equal((await endOf(socket))[0], 1009)
    assert.equal(logins, 0)
    // As a control: in a frame that is small enough, it is carried out.
    const other = await greeted(gateway)
    other.send(operation.padEnd(32 * 1024))
    assert.match(String((await once(other, 'message'))[0]), /WRONG_CREDENTIALS/)
    assert.equal(logins, 1)
    other.terminate()
  })

  it('a message of 128 KB in such frames is read, and one byte more closes with 1009', async () => {
    const socket = await greeted(gateway)
    sendInFrames(socket, message(128 * 1024), 32 * 1024)
    const [answer] = await once(socket, 'message')
    assert.match(String(answer), /"pong"/)
    sendInFrames(socket, message(128 * 1024 + 1), 32 * 1024)
    assert.equal((await endOf(socket))[0], 1009)
  })

  it('they are offered under each stage, and at no other path', async () => {
    for (const path of ['/graphql', '/graphql/beta', '/graphql/show-1?x=1']) {
      assert.equal(await statusOf(open(gateway, path)), 101, path)
    }
    for (const path of ['/graphql/gamma', '/graphql/beta/x', '/beta']) {
      assert.equal(await statusOf(open(gateway, path)), 404, path)
    }
  })

  it('pages of this host and of those that are listed may open one, and clients that are no pages', async () => {
    const own = `http://127.0.0.1:${portOf(gateway.app)}`
    for (const origin of [undefined, own, OWN]) {
      assert.equal(await statusOf(open(gateway, undefined, origin)), 101, origin)
    }
    const foreign = ['https://evil.example', 'null', `${OWN}.evil.example`, 'http://127.0.0.1', 'nonsense']
    for (const origin of foreign) {
      assert.equal(await statusOf(open(gateway, undefined, origin)), 403, origin)
    }
  })

  it('an upgrade that has a body, a bad host, or names a proxy is refused', async () => {
    const port = portOf(gateway.app)
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
    const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\n${key}`
    const bad = {
      body: `GET /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n${upgrade}\r\nGET `,
      chunks: `GET /graphql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${upgrade}\r\n0\r\n\r\n`,
      'no host': `GET /graphql HTTP/1.1\r\n${upgrade}\r\n`,
      'two hosts': `GET /graphql HTTP/1.1\r\nHost: a\r\nHost: b\r\n${upgrade}\r\n`,
      absolute: `GET http://b/graphql HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`,
      'another protocol': `GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    }
    for (const [what, bytes] of Object.entries(bad)) {
      const { status, code } = lastAnswer(await exchangeRaw(port, bytes))
      assert.deepEqual([status, code], [400, 'INVALID_REQUEST'], what)
    }
  })

  it('a path for sockets is none for requests', async () => {
    const answer = await new Promise<IncomingMessage>((resolve) =>
      get(`http://127.0.0.1:${portOf(gateway.app)}/graphql/beta`, { agent: false }, resolve),
    )
    answer.resume()
    assert.equal(answer.statusCode, 404)
  })
})
