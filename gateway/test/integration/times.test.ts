import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { contestantIndex, eventNumber, voterNumber } from '@votestream/schema/numbers'
import WebSocket from 'ws'
import { createDeadlines } from '../../src/deadlines.js'
import type { CatalogEvent } from '../../src/event-catalog.js'
import { askUntilDone } from '../../src/owner-requests.js'
import { lastAnswer, openRaw, portOf } from '../raw-exchange.js'
import { callerOf, FIRST_ENTRY, startTestGateway, type TestGateway } from './test-gateway.js'

const SUBMIT = 'mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
const THRICE =
  'mutation ($input: SubmitVoteInput!) { a: submitVote(input: $input) { id } b: submitVote(input: $input) { id } c: submitVote(input: $input) { id } }'

describe('the times of requests', () => {
  let gateway: TestGateway
  let event: CatalogEvent
  let base: string
  let port: number
  before(async () => {
    gateway = await startTestGateway({
      limits: {
        headersTimeoutMs: 200,
        arrivalTimeoutMs: 400,
        requestTimeoutMs: 600,
        keepAliveMs: 300,
        requestsPerConnectionMax: 3,
        connectionsMax: 8,
      },
    })
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    port = portOf(gateway.app)
    base = `http://127.0.0.1:${port}`
    event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants: [{ name: 'Ada', description: 'Sings.', imageUrl: 'https://a.example/1.jpg' }],
      opensAtMs: null,
      closesAtMs: null,
    })
  })
  after(() => gateway.stop())
  beforeEach(() => {
    gateway.submissions.length = 0
    gateway.decide = async () => 'accepted'
  })

  const headers = (scopes?: 'admin') => ({
    authorization: `Bearer ${gateway.userToken(9, scopes ? [scopes] : undefined)}`,
    'content-type': 'application/json',
    connection: 'close',
  })
  const post = async (path: string, body: object, more: Record<string, string> = {}) => {
    const answer = await fetch(base + path, {
      method: 'POST',
      headers: { ...headers(), ...more },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    return { status: answer.status, type: answer.headers.get('content-type') ?? '', text }
  }
  const ballot = () => ({
    user_id: gateway.ids.userId(voterNumber(9)),
    event_id: event.id,
    contestant_id: event.contestantIds[0],
  })
  const variables = () => ({ input: { eventId: event.id, contestantId: event.contestantIds[0] } })
  const voteId = () => gateway.ids.voteId(eventNumber(event.record.number), voterNumber(9))
  const notYet = () => new Promise<never>(() => undefined)

  it('a vote that is not answered in time is 504, before the router and behind it', async () => {
    gateway.decide = notYet
    for (const type of ['application/json', 'application/json; charset=utf-8']) {
      const { status, text } = await post('/v1/vote/submit', ballot(), { 'content-type': type })
      assert.deepEqual([status, JSON.parse(text).code], [504, 'TIMEOUT'], type)
    }
    const query = { query: SUBMIT, variables: variables() }
    for (const way of ['Apollo Server', 'the door']) {
      const { status, text } = await post('/graphql', query)
      assert.deepEqual([status, JSON.parse(text).errors[0].extensions.code], [504, 'TIMEOUT'], way)
    }
    assert.equal(gateway.submissions.length, 4)
  })

  it('another operation is 504, whose handler may answer later without harm', async () => {
    let record: () => void = () => undefined
    gateway.record = () =>
      new Promise((resolve) => {
        record = resolve
      })
    const path = `/v1/vote/${voteId()}/decision`
    const admin = { authorization: headers('admin').authorization }
    const { status, text } = await post(path, { verdict: 'reject' }, admin)
    assert.deepEqual([status, JSON.parse(text).code], [504, 'TIMEOUT'])
    record()
    await turn()
    gateway.record = async () => undefined
    assert.equal((await post(path, { verdict: 'reject' }, admin)).status, 200)
  })

  for (const way of ['by Apollo Server', 'by the door', 'on a socket']) {
    it(`no mutation begins once its operation got 504, ${way}`, async () => {
      let accept: (outcome: 'accepted') => void = () => undefined
      gateway.decide = () =>
        new Promise((resolve) => {
          accept = resolve
        })
      const operation = { query: THRICE, variables: variables() }
      const text =
        way === 'on a socket' ? await onSocket(operation) : (await post('/graphql', operation)).text
      assert.match(text, /"TIMEOUT"/)
      assert.equal(gateway.submissions.length, 1)
      accept('accepted')
      for (let turns = 0; turns < 10; turns += 1) await turn()
      assert.equal(gateway.submissions.length, 1)
    })
  }

  it('what an operation would ask only then is not asked', async () => {
    let asked = 0
    gateway.firstEntry = async () => {
      asked += 1
      return FIRST_ENTRY
    }
    let accept: (outcome: 'accepted') => void = () => undefined
    gateway.decide = () =>
      new Promise((resolve) => {
        accept = resolve
      })
    const query = `mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id } decideVote(input: { voteId: "${voteId()}", verdict: REJECT }) { verdict } }`
    const admin = { authorization: `Bearer ${gateway.userToken(9, ['votes', 'admin'])}` }
    for (const way of ['Apollo Server', 'the door']) {
      assert.equal((await post('/graphql', { query, variables: variables() }, admin)).status, 504)
      accept('accepted')
      for (let turns = 0; turns < 10; turns += 1) await turn()
      assert.equal(asked, 0, way)
    }
    gateway.decide = async () => 'accepted'
    assert.equal((await post('/graphql', { query, variables: variables() }, admin)).status, 200)
    assert.equal(asked, 1)
  })

  const onSocket = (payload: object) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`${base.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
      socket.on('message', (data) => {
        if (JSON.parse(String(data)).type === 'next') {
          resolve(String(data))
          socket.terminate()
        } else socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }))
      })
      socket.once('open', () => {
        const { authorization: Authorization } = headers()
        socket.send(JSON.stringify({ type: 'connection_init', payload: { Authorization } }))
      })
    })

  it('nobody is asked by NATS once nobody waits', async () => {
    const subject = 'test.owner'
    let asked = 0
    gateway.nats.connection.subscribe(subject, {
      callback: (_error, message) => {
        asked += 1
        message.respond('no')
      },
    })
    const deadlines = createDeadlines(300)
    const deadline = deadlines.begin(() => undefined)
    const asking = askUntilDone({
      nats: gateway.nats,
      subject,
      payload: Buffer.from(''),
      isDone: () => false,
      deadlineMs: performance.now() + 60_000,
      deadline,
    })
    await assert.rejects(asking, /took too long/)
    assert.ok(asked > 1)
    const before = asked
    await gateway.nats.connection.flush()
    assert.equal(asked, before)
    deadlines.stop()
  })

  it('headers and bodies that come drop by drop are cut with 408, and nothing is done', async () => {
    const head = `POST /v1/vote/submit HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: ${headers().authorization}\r\n`
    const body = JSON.stringify(ballot())
    const beginnings = {
      nothing: '',
      'a request line': 'GET /healthz HTTP/1.1\r\n',
      headers: head,
      'a body for the door': `${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
      'a body in chunks': `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`,
    }
    for (const [what, bytes] of Object.entries(beginnings)) {
      const { socket, closed } = await openRaw(port)
      socket.write(bytes)
      const dripping = setInterval(() => socket.write(bytes === head ? 'X-A: b\r\n' : ''), 20)
      const { status, code } = lastAnswer(await closed)
      clearInterval(dripping)
      assert.deepEqual([status, code], [408, 'REQUEST_TIMEOUT'], what)
    }
    assert.deepEqual(gateway.submissions, [])
  })

  it('a connection is closed that waits too long for its next request', async () => {
    const { socket, closed } = await openRaw(port)
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await closed, /^HTTP\/1.1 200 OK[\s\S]*keep-alive/i)
  })

  it('a connection is closed after as many requests as it may bring', async () => {
    const { socket, until, closed } = await openRaw(port)
    for (const last of [false, false, true]) {
      const before = socket.bytesRead
      socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
      if (!last) await until(new RegExp(`[\\s\\S]{${before + 10},}ok\\n$`))
    }
    const answers = (await closed).split('HTTP/1.1 200').slice(1)
    assert.deepEqual(
      answers.map((answer) => /connection: close/i.test(answer)),
      [false, false, true],
    )
  })

  it('there is a bound to open connections, which sockets do not take from', async () => {
    const sockets = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const socket = new WebSocket(`${base.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
        await new Promise((resolve) => socket.once('open', resolve))
        return socket
      }),
    )
    const open = await Promise.all(Array.from({ length: 8 }, () => openRaw(port)))
    const beyond = await openRaw(port)
    beyond.socket.write(`GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n`)
    const { status, code } = lastAnswer(await beyond.closed)
    assert.deepEqual([status, code], [503, 'OVERLOADED'])
    for (const { socket } of open) socket.destroy()
    await Promise.all(open.map(({ closed }) => closed))
    for (const socket of sockets) socket.terminate()
  })

  it('a vote whose answer did not come in time stands if it was written: asked again, it is the same', async () => {
    const stands = contestantIndex(0)
    gateway.decide = notYet
    const key = { 'idempotency-key': 'once' }
    assert.equal((await post('/v1/vote/submit', ballot(), key)).status, 504)
    gateway.decide = async () => 'accepted'
    assert.equal((await post('/v1/vote/submit', ballot(), key)).status, 200)
    const [first, second] = gateway.submissions
    assert.equal(first?.attempt, second?.attempt)
    assert.equal(second?.contestant, stands)
  })
})
