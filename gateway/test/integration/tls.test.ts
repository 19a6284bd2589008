import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { createLogger } from '@votestream/infra/logging'
import { voterNumber } from '@votestream/schema/numbers'
import { generate } from 'selfsigned'
import WebSocket from 'ws'
import type { CatalogEvent } from '../../src/event-catalog.js'
import { openTlsFiles } from '../../src/tls-files.js'
import { portOf } from '../raw-exchange.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

describe('the public port with a certificate', () => {
  let folder: string
  let gateway: TestGateway
  let event: CatalogEvent
  let ca: string
  let port: number
  const certFile = () => join(folder, 'cert.pem')
  const keyFile = () => join(folder, 'key.pem')

  const makePair = async (name: string) => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }])
    return { cert, key }
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'votestream-tls-'))
    const { cert, key } = await makePair('first.example')
    ca = cert
    await writeFile(certFile(), cert)
    await writeFile(keyFile(), key)
    const logger = createLogger('tls-test', 'silent')
    const tls = openTlsFiles({ certFile: certFile(), keyFile: keyFile(), logger, lookEveryMs: 50 })
    gateway = await startTestGateway({ tls, hstsSeconds: 600, limits: { headersTimeoutMs: 500 } })
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    port = portOf(gateway.app)
    event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants: [{ name: 'Ada', description: 'Sings.', imageUrl: 'https://a.example/1.jpg' }],
      opensAtMs: null,
      closesAtMs: null,
    })
  })
  after(async () => {
    await gateway.stop()
    await rm(folder, { recursive: true })
  })

  const trusting = () => ({ ca, servername: 'first.example', checkServerIdentity: () => undefined })
  const ask = (path: string, body?: object, options: RequestOptions = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
      const headers = { authorization: `Bearer ${gateway.userToken(9)}`, 'content-type': 'application/json' }
      const method = body ? 'POST' : 'GET'
      const all = { port, host: '127.0.0.1', path, method, headers, agent: false, ...trusting(), ...options }
      const sending = request(all, (answer) => {
        let text = ''
        answer.on('data', (chunk) => {
          text += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
      })
      sending.on('error', reject)
      sending.end(body && JSON.stringify(body))
    })

  it('takes votes by REST and GraphQL, and tells browsers to stay with TLS', async () => {
    const names = { event_id: event.id, contestant_id: event.contestantIds[0] }
    const userId = gateway.ids.userId(voterNumber(9))
    const rest = await ask('/v1/vote/submit', { user_id: userId, ...names })
    assert.equal(rest.status, 200)
    assert.equal(rest.headers['strict-transport-security'], 'max-age=600')
    const graphql = await ask('/graphql', { query: '{ me { id } }' })
    assert.deepEqual(JSON.parse(graphql.text), { data: { me: { id: userId } } })
    assert.equal(graphql.headers['strict-transport-security'], 'max-age=600')
    assert.equal((await ask('/readyz')).text, 'ready\n')
  })

  it('opens sockets', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', {
      rejectUnauthorized: false,
      origin: `https://127.0.0.1:${port}`,
    })
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    assert.match(String((await once(socket, 'message'))[0]), /connection_ack/)
    socket.terminate()
  })

  it('speaks no TLS before 1.2, and nothing but TLS', async () => {
    await assert.rejects(
      ask('/readyz', undefined, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }),
      /protocol version|unsupported protocol|ECONNRESET/i,
    )
    assert.equal((await ask('/readyz', undefined, { maxVersion: 'TLSv1.2' })).status, 200)
    const plain = connectPlain(port, '127.0.0.1')
    plain.on('error', () => undefined)
    let heard = ''
    plain.on('data', (chunk) => {
      heard += chunk.toString('latin1')
    })
    plain.write('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(plain, 'close')
    assert.doesNotMatch(heard, /ready/)
  })

  it('cuts who says nothing after the handshake', async () => {
    const silent = await handshake()
    silent.resume()
    await once(silent, 'close')
  })

  const handshake = async (): Promise<TLSSocket> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    return socket
  }
  const nameShown = async () => {
    const socket = await handshake()
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN
  }

  it('takes a renewed certificate without a restart, once its key is there', async () => {
    assert.equal(await nameShown(), 'first.example')
    const kept = await handshake()
    const { cert, key } = await makePair('second.example')
    await writeFile(certFile(), cert)
    // Half of the pair: what was there before stands.
    for (let looks = 0; looks < 5; looks += 1) assert.equal(await nameShown(), 'first.example')
    await writeFile(keyFile(), key)
    while ((await nameShown()) !== 'second.example');
    assert.equal(kept.destroyed, false)
    kept.destroy()
  })

  it('closes at once though somebody shook hands and never said a word', async () => {
    const silent = await handshake()
    const beganMs = performance.now()
    await gateway.app.close()
    assert.ok(performance.now() - beganMs < 400)
    silent.destroy()
  })
})

describe('files of a certificate', () => {
  it('are refused where one is missing, or belongs to another', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'votestream-tls-'))
    const [one, other] = await Promise.all(
      ['one', 'other'].map((value) => generate([{ name: 'commonName', value }])),
    )
    const certFile = join(folder, 'cert.pem')
    const keyFile = join(folder, 'key.pem')
    const logger = createLogger('tls-test', 'silent')
    assert.throws(() => openTlsFiles({ certFile, keyFile, logger }), /cert\.pem/)
    await writeFile(certFile, one?.cert ?? '')
    await writeFile(keyFile, other?.private ?? '')
    assert.throws(() => openTlsFiles({ certFile, keyFile, logger }), /key values mismatch/i)
    await rm(folder, { recursive: true })
  })
})
