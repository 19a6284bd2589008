import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'
import { createInertServer } from './inert-server.js'

/** Sends bytes as they are, and gives what comes back until the server closes, or says that it will not. */
const exchange = (port: number, bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (/\r\n\r\n[\s\S]*(\}|\n)$/.test(text)) socket.end()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })

const problemOf = (text: string) => {
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return { head, problem: body === '' ? undefined : JSON.parse(body) }
}

describe('the public port', () => {
  let app: FastifyInstance
  let port: number
  let login: () => Promise<never> = () => Promise.reject(new Error('not set'))
  before(async () => {
    app = await createInertServer({
      accounts: { register: () => login(), login: () => login() },
      limits: { requestTimeoutMs: 50 },
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const address = app.server.address()
    port = typeof address === 'object' && address ? address.port : 0
  })
  after(() => app.close())

  const post = () =>
    app.inject({ method: 'POST', url: '/v1/auth/login', payload: { username: 'a', password: 'b' } })

  it('takes 10,240 bytes of request line and headers, and not one more', async () => {
    const start = 'GET /healthz HTTP/1.1\r\nHost: a\r\nX-Filler: '
    const end = '\r\n\r\n'
    const filler = (total: number) => 'x'.repeat(total - start.length - end.length)
    const good = await exchange(port, start + filler(10_240) + end)
    assert.match(good, /^HTTP\/1.1 200 /)
    for (const total of [10_241, 10_300, 20_000]) {
      const { head, problem } = problemOf(await exchange(port, start + filler(total) + end))
      assert.match(head, /^HTTP\/1.1 431 /, `${total}`)
      assert.match(head, /content-type: application\/problem\+json/i)
      assert.equal(problem.code, 'HEADERS_TOO_LARGE')
    }
    const long = await exchange(port, `GET /${'x'.repeat(11_000)} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.match(long, /^HTTP\/1.1 431 /)
  })

  it('answers what is no HTTP with problem details', async () => {
    const bad = [
      'nonsense\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n',
      'POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
      'GET /healthz HTTP/1.1\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n',
    ]
    for (const bytes of bad) {
      const { head, problem } = problemOf(await exchange(port, bytes))
      assert.match(head, /^HTTP\/1.1 400 Bad Request/)
      assert.equal(problem.code, 'INVALID_REQUEST')
    }
  })

  it('answers 504 when a handler takes too long', async () => {
    login = () => new Promise(() => undefined)
    const answer = await post()
    assert.equal(answer.statusCode, 504)
    assert.equal(answer.json().code, 'TIMEOUT')
  })

  it('never shows what an unforeseen error says', async () => {
    login = () => Promise.reject(new Error('secret of the house'))
    const answer = await post()
    assert.equal(answer.statusCode, 500)
    assert.equal(answer.json().code, 'INTERNAL')
    assert.doesNotMatch(answer.body, /secret/)
  })

  it('says when to try again', async () => {
    login = () => Promise.reject(new VotestreamError('OVERLOADED', { retryAfterSeconds: 2 }))
    const answer = await post()
    assert.equal(answer.statusCode, 503)
    assert.equal(answer.headers['retry-after'], '2')
    assert.deepEqual(answer.json(), {
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: 'The service is busy. Try again.',
      code: 'OVERLOADED',
    })
  })

  it('serves its documents without any other host', async () => {
    const page = await app.inject({ url: '/v1/docs/' })
    const text = page.statusCode === 200 ? page.body : (await app.inject({ url: '/v1/docs' })).body
    assert.match(text, /swagger-ui/)
    assert.doesNotMatch(text, /(src|href)="(https?:)?\/\//)
    const document = await app.inject({ url: '/v1/openapi.json' })
    assert.equal(document.statusCode, 200)
    assert.match(String(document.headers['content-type']), /^application\/json/)
    assert.equal(document.json().openapi, '3.1.0')
  })

  it('closes at once though somebody connected and never said a word', async () => {
    const other = await createInertServer()
    await other.listen({ port: 0, host: '127.0.0.1' })
    const address = other.server.address()
    const silent = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1')
    silent.on('error', () => undefined)
    await once(other.server, 'connection')
    const beganMs = performance.now()
    await other.close()
    assert.ok(performance.now() - beganMs < 1_000)
    silent.destroy()
  })
})
