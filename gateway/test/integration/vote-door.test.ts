import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

/** A vote in its plainest form is answered in front of the router: nobody may notice. */
describe('the vote door', () => {
  let gateway: TestGateway
  let event: { id: string; contestantIds: readonly string[] }
  let port: number

  before(async () => {
    gateway = await startTestGateway()
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    event = await gateway.events.create(callerOf(7), {
      name: 'Event',
      opensAtMs: null,
      closesAtMs: null,
      contestants,
    })
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    port = (gateway.app.server.address() as AddressInfo).port
  })
  after(() => gateway.stop())
  afterEach(() => {
    gateway.decide = async () => 'accepted'
  })

  const good = () => ({
    user_id: gateway.ids.userId(voterNumber(9)),
    event_id: event.id,
    contestant_id: event.contestantIds[0],
  })

  const ask = async (type: string, body: string | Buffer, headers: Record<string, string> = {}) => {
    const authorization = `Bearer ${gateway.userToken(9)}`
    const response = await fetch(`http://127.0.0.1:${port}/v1/vote/submit`, {
      method: 'POST',
      headers: { authorization, 'content-type': type, ...headers },
      body,
    })
    // Whether the connection stays is each one's own: the router closes it behind JSON that cannot be read.
    const names = ['content-type', 'content-length', 'www-authenticate', 'retry-after']
    const seen = names.map((name) => `${name}: ${response.headers.get(name)}`)
    return { status: response.status, headers: seen, body: await response.text() }
  }

  const refusing = (error: Error) => async () => Promise.reject(error)

  const cases: Record<string, () => [body: string | Buffer, headers?: Record<string, string>]> = {
    'a good vote': () => [JSON.stringify(good())],
    'a vote with all that may come with it': () => [
      JSON.stringify({ ...good(), client_timestamp: '2026-05-16T20:15:30.123Z', meta: { device_id: 'ä' } }),
      { 'idempotency-key': 'once', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    ],
    'no token': () => [JSON.stringify(good()), { authorization: '' }],
    'another scheme': () => [JSON.stringify(good()), { authorization: 'Basic eDp5' }],
    'a token of somebody else': () => [
      JSON.stringify(good()),
      { authorization: `Bearer ${gateway.userToken(10)}` },
    ],
    'a token without the scope': () => [
      JSON.stringify(good()),
      { authorization: `Bearer ${gateway.userToken(9, ['results:read'])}` },
    ],
    'no body': () => [''],
    'no JSON': () => ['{"a":1,}'],
    'no UTF-8': () => [Buffer.from([0x22, 0xff, 0x22])],
    'a prototype': () => ['{"__proto__":{"x":1}}'],
    'a list': () => [JSON.stringify([good()])],
    'several faults': () => [JSON.stringify({ ...good(), user_id: 7, more: 1, meta: { device_id: '' } })],
    'a malformed identifier': () => [JSON.stringify({ ...good(), event_id: 'x'.repeat(22) })],
    'an unknown contestant': () => [
      JSON.stringify({ ...good(), contestant_id: gateway.ids.contestantId(99 as never, 0 as never) }),
    ],
    'a bad key': () => [JSON.stringify(good()), { 'idempotency-key': 'x'.repeat(201) }],
    'a body too large for the door': () => [
      JSON.stringify({ ...good(), meta: { device_id: 'x'.repeat(5_000) } }),
    ],
  }
  for (const [name, make] of Object.entries(cases)) {
    it(`answers as the router does: ${name}`, async () => {
      const [body, headers] = make()
      const before = gateway.submissions.length
      const plain = await ask('application/json', body, headers)
      const submitted = gateway.submissions.slice(before)
      const routed = await ask('application/json; charset=utf-8', body, headers)
      assert.deepEqual(plain, routed)
      const withoutAttempt = (votes: typeof submitted) =>
        votes.map((vote) => (headers?.['idempotency-key'] ? vote : { ...vote, attempt: 0 }))
      assert.deepEqual(
        withoutAttempt(submitted),
        withoutAttempt(gateway.submissions.slice(before + submitted.length)),
      )
      assert.equal(submitted.length, plain.status === 200 ? 1 : 0)
    })
  }

  it('answers as the router does: a vote that stands, one that is too late, no owner, a fault of ours', async () => {
    const outcomes: TestGateway['decide'][] = [
      async () => 'duplicate',
      async () => 'closed',
      refusing(new VotestreamError('VOTES_UNAVAILABLE', { retryAfterSeconds: 3 })),
      refusing(new Error('never to be told')),
    ]
    const statuses: number[] = []
    for (const decide of outcomes) {
      gateway.decide = decide
      const plain = await ask('application/json', JSON.stringify(good()))
      assert.deepEqual(plain, await ask('application/json; charset=utf-8', JSON.stringify(good())))
      assert.doesNotMatch(plain.body, /never to be told/)
      statuses.push(plain.status)
    }
    assert.deepEqual(statuses, [409, 409, 503, 500])
  })

  const request = (body: string, length = Buffer.byteLength(body)) =>
    [
      'POST /v1/vote/submit HTTP/1.1',
      'host: a',
      `authorization: Bearer ${gateway.userToken(9)}`,
      'content-type: application/json',
      `content-length: ${length}`,
      '',
      body,
    ].join('\r\n')

  it('reads a body that comes in pieces, and several votes of one connection in their order', async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    let text = ''
    socket.on('data', (data) => {
      text += data.toString()
    })
    const first = request(JSON.stringify({ ...good(), meta: { device_id: 'ä' } }))
    const second = request('{')
    const bytes = Buffer.from(first + second)
    // Between the two bytes of the letter.
    const cut = bytes.indexOf(Buffer.from('ä')) + 1
    socket.write(bytes.subarray(0, cut))
    // What was sent before this is answered, if it is to be answered at all.
    await ask('application/json', JSON.stringify(good()))
    assert.equal(text, '')
    socket.write(bytes.subarray(cut))
    while ((text.match(/HTTP\/1\.1 /g)?.length ?? 0) < 2) await once(socket, 'data')
    assert.match(text, /^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 400 [\s\S]*INVALID_JSON/)
    assert.equal(gateway.submissions.at(-1)?.deviceId, 'ä')
    socket.destroy()
  })

  it('casts no vote of a request that breaks off, and none twice when the answer is not taken', async () => {
    const before = gateway.submissions.length
    const broken = connect(port, '127.0.0.1')
    await once(broken, 'connect')
    const body = JSON.stringify(good())
    broken.write(request(body, Buffer.byteLength(body) + 1))
    assert.equal((await ask('application/json', body)).status, 200)
    broken.destroy()
    assert.equal(gateway.submissions.length, before + 1)

    let accept = (): void => undefined
    const asked = new Promise<void>((resolve) => {
      gateway.decide = () => {
        resolve()
        return new Promise((done) => {
          accept = () => done('accepted')
        })
      }
    })
    const gone = connect(port, '127.0.0.1')
    await once(gone, 'connect')
    gone.write(request(body))
    await asked
    gone.destroy()
    await once(gone, 'close')
    accept()
    // The next one is answered: nothing broke.
    gateway.decide = async () => 'accepted'
    assert.equal((await ask('application/json', body)).status, 200)
    assert.equal(gateway.submissions.length, before + 3)
  })
})
