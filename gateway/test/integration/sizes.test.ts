import assert from 'node:assert/strict'
import { request } from 'node:http'
import { shardNumber } from '@votestream/schema/numbers'
import WebSocket from 'ws'
import { BODY_BYTES_LIMIT } from '../../src/http-limits.js'
import { exchangeRaw, lastAnswer, portOf } from '../raw-exchange.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const LOGIN = { username: 'nobody', password: 'correct horse' }
const contestants = Array.from({ length: 100 }, (_, index) => ({
  name: `Contestant ${index}`,
  description: 'Sings.',
  imageUrl: 'https://a.example/a.png',
}))

describe('the sizes of requests and answers', () => {
  let gateway: TestGateway
  let narrow: TestGateway
  before(async () => {
    gateway = await startTestGateway()
    narrow = await startTestGateway({ limits: { requestBytesMax: 2_000, responseBytesMax: 5_000 } })
    for (const { app } of [gateway, narrow]) await app.listen({ port: 0, host: '127.0.0.1' })
  })
  after(async () => {
    await gateway.stop()
    await narrow.stop()
  })

  /** JSON of exactly so many bytes. */
  const padded = (value: object, bytes: number) => JSON.stringify(value).padEnd(bytes, ' ')

  const post = (to: TestGateway, path: string, body: string, chunked: boolean) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        authorization: `Bearer ${to.userToken(9)}`,
        ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }),
      }
      const port = portOf(to.app)
      const sending = request(
        { port, host: '127.0.0.1', method: 'POST', path, headers, agent: false },
        (answer) => {
          let text = ''
          answer.on('data', (chunk) => {
            text += chunk
          })
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
        },
      )
      // Who is refused before it has sent everything may find the connection closed when it has the answer.
      sending.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
      })
      sending.end(body)
    })

  for (const chunked of [false, true]) {
    const how = chunked ? 'in chunks' : 'with its length'

    it(`a body of 10 MB is read, and one byte more is 413, ${how}`, async () => {
      const exact = await post(gateway, '/v1/auth/login', padded(LOGIN, BODY_BYTES_LIMIT), chunked)
      assert.match(exact.text, /WRONG_CREDENTIALS/)
      const query = padded({ query: '{ me { id } }' }, BODY_BYTES_LIMIT)
      assert.match((await post(gateway, '/graphql', query, chunked)).text, /"data":{"me"/)
      for (const path of ['/v1/auth/login', '/graphql']) {
        const more = await post(gateway, path, padded(LOGIN, BODY_BYTES_LIMIT + 1), chunked)
        assert.equal(more.status, 413)
        assert.match(more.text, /PAYLOAD_TOO_LARGE/)
      }
    })

    it(`a lower bound is kept as exactly, ${how}`, async () => {
      assert.match((await post(narrow, '/v1/auth/login', padded(LOGIN, 2_000), chunked)).text, /WRONG_CRED/)
      assert.equal((await post(narrow, '/v1/auth/login', padded(LOGIN, 2_001), chunked)).status, 413)
    })
  }

  it('10,240 bytes of request line and headers are taken, and not one more, of an upgrade too', async () => {
    const port = portOf(gateway.app)
    const starts = {
      rest: 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Filler: ',
      upgrade: 'GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Filler: ',
    }
    for (const [kind, start] of Object.entries(starts)) {
      const send = (total: number) =>
        exchangeRaw(port, `${start}${'x'.repeat(total - start.length - 4)}\r\n\r\n`)
      const within = lastAnswer(await send(10_240))
      assert.equal(within.status, kind === 'rest' ? 200 : 404)
      const beyond = lastAnswer(await send(10_241))
      assert.deepEqual([beyond.status, beyond.code], [431, 'HEADERS_TOO_LARGE'], kind)
    }
  })

  it('an answer that would be too large is 500 RESPONSE_TOO_LARGE, on REST and GraphQL alike', async () => {
    const draft = { name: 'Event', contestants, opensAtMs: null, closesAtMs: null }
    const port = portOf(narrow.app)
    const event = await narrow.events.create(callerOf(7), draft)
    const headers = { authorization: `Bearer ${narrow.userToken(9)}`, 'content-type': 'application/json' }
    const rest = await fetch(`http://127.0.0.1:${port}/v1/contestants/${event.id}`, { headers })
    assert.equal(rest.status, 500)
    assert.equal(((await rest.json()) as { code: string }).code, 'RESPONSE_TOO_LARGE')
    const body = JSON.stringify({
      query: `{ event(id: "${event.id}") { contestants { id name imageUrl } } }`,
    })
    // The first time by Apollo Server, and then, since it is known, by its door.
    for (const way of ['Apollo Server', 'the door']) {
      const graphql = await fetch(`http://127.0.0.1:${port}/graphql`, { method: 'POST', headers, body })
      assert.equal(graphql.status, 500, way)
      const { errors } = (await graphql.json()) as { errors: { extensions: { code: string } }[] }
      assert.equal(errors[0]?.extensions.code, 'RESPONSE_TOO_LARGE', way)
    }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws')
    const answered = new Promise<string>((resolve) => {
      socket.onmessage = ({ data }) => {
        const { type } = JSON.parse(String(data)) as { type: string }
        if (type === 'next') resolve(String(data))
        else socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: JSON.parse(body) }))
      }
    })
    socket.onopen = () => {
      const payload = { Authorization: headers.authorization }
      socket.send(JSON.stringify({ type: 'connection_init', payload }))
    }
    assert.match(await answered, /"id":"1".*RESPONSE_TOO_LARGE/)
    socket.close()
  })

  it('a stream of events may be longer than an answer', async () => {
    const draft = { name: 'Event', contestants, opensAtMs: null, closesAtMs: null }
    const event = await narrow.events.create(callerOf(7), draft)
    const part = { shard: shardNumber(0), generation: 'g', sequence: 5, totals: [1], ackedAtMs: 1_000 }
    narrow.parts = async (events) => new Map(events.map((number) => [number, [part]]))
    const url = `http://127.0.0.1:${portOf(narrow.app)}/v1/event/${event.id}/leaderboard/stream`
    const stream = await fetch(url, { headers: { authorization: `Bearer ${narrow.userToken(9)}` } })
    assert.equal(stream.status, 200)
    assert.equal(stream.headers.get('x-content-type-options'), 'nosniff')
    let length = 0
    for await (const chunk of stream.body ?? []) {
      length += (chunk as Uint8Array).length
      if (length > 5_000) break
    }
    assert.ok(length > 5_000)
  })
})
