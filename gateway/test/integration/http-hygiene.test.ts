import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createMetrics, startHealthServer } from '@votestream/infra/health-server'
import { voterNumber } from '@votestream/schema/numbers'
import WebSocket from 'ws'
import type { CatalogEvent } from '../../src/event-catalog.js'
import { exchangeRaw, portOf } from '../raw-exchange.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const OWN = 'https://pages.example.org'
const FOREIGN = 'https://evil.example'

describe('HTTP as the gateway speaks it', () => {
  let gateway: TestGateway
  let base: string
  let event: CatalogEvent
  before(async () => {
    gateway = await startTestGateway({ origins: [OWN] })
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    base = `http://127.0.0.1:${portOf(gateway.app)}`
    event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants: [{ name: 'Ada', description: 'Sings.', imageUrl: 'https://a.example/1.jpg' }],
      opensAtMs: null,
      closesAtMs: null,
    })
  })
  after(() => gateway.stop())

  const ask = async (path: string, init: RequestInit & { type?: string } = {}) => {
    const { type = 'application/json', headers = {}, ...rest } = init
    const answer = await fetch(base + path, {
      ...rest,
      headers: {
        authorization: `Bearer ${gateway.userToken(9)}`,
        ...(rest.body ? { 'content-type': type } : {}),
        ...headers,
      },
    })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  const ballot = () =>
    JSON.stringify({
      user_id: gateway.ids.userId(voterNumber(9)),
      event_id: event.id,
      contestant_id: event.contestantIds[0],
    })

  /** One of each kind: by a door, by a route, by GraphQL, refused at each depth. */
  const answers: Record<string, (headers?: Record<string, string>) => ReturnType<typeof ask>> = {
    'a vote by the door': (headers = {}) =>
      ask('/v1/vote/submit', { method: 'POST', body: ballot(), headers }),
    'a vote by its route': (headers = {}) =>
      ask('/v1/vote/submit', {
        method: 'POST',
        body: ballot(),
        type: 'application/json; charset=utf-8',
        headers,
      }),
    'a vote that is refused': (headers = {}) =>
      ask('/v1/vote/submit', { method: 'POST', body: '{}', headers }),
    contestants: (headers = {}) => ask(`/v1/contestants/${event.id}`, { headers }),
    'a path that is not': (headers = {}) => ask('/nothing', { headers }),
    'an address that cannot be read': (headers = {}) => ask('/v1/contestants/%zz', { headers }),
    'a method that is not': (headers = {}) => ask('/v1/vote/submit', { method: 'PUT', body: '{}', headers }),
    GraphQL: (headers = {}) =>
      ask('/graphql', { method: 'POST', body: JSON.stringify({ query: '{ me { id } }' }), headers }),
    'GraphQL that fails': (headers = {}) =>
      ask('/graphql', { method: 'POST', body: JSON.stringify({ query: '{ nothing }' }), headers }),
    readiness: (headers = {}) => ask('/readyz', { headers }),
  }

  for (const [what, make] of Object.entries(answers)) {
    it(`the answer can be run, framed, guessed or kept by nobody, and says nothing of what wrote it: ${what}`, async () => {
      const { headers } = await make()
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('cache-control'), 'no-store')
      assert.equal(headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
      assert.equal(headers.get('referrer-policy'), 'no-referrer')
      for (const banner of ['server', 'x-powered-by', 'via']) assert.equal(headers.get(banner), null)
      assert.equal(headers.get('strict-transport-security'), null)
    })

    it(`pages of listed origins may read it, and no others: ${what}`, async () => {
      const listed = (await make({ origin: OWN })).headers
      assert.equal(listed.get('access-control-allow-origin'), OWN)
      for (const origin of [FOREIGN, 'null', `${OWN}.evil.example`, OWN.toUpperCase()]) {
        const { headers } = await make({ origin })
        assert.equal(headers.get('access-control-allow-origin'), null, origin)
        assert.match(headers.get('vary') ?? '', /origin/i)
      }
      assert.match(listed.get('vary') ?? '', /origin/i)
      assert.match(listed.get('access-control-expose-headers') ?? '', /retry-after/)
      // Nobody's cookies are asked for, and nobody is told that they would do.
      assert.equal(listed.get('access-control-allow-credentials'), null)
    })
  }

  it('a browser that asks before it sends is told what it may, on a page of a listed origin alone', async () => {
    const preflight = (origin: string) =>
      ask('/v1/vote/submit', {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      })
    const listed = await preflight(OWN)
    assert.equal(listed.status, 204)
    assert.equal(listed.headers.get('access-control-allow-origin'), OWN)
    assert.match(listed.headers.get('access-control-allow-methods') ?? '', /POST/)
    assert.match(
      listed.headers.get('access-control-allow-headers') ?? '',
      /authorization.*idempotency-key.*traceparent, tracestate, x-amzn-trace-id/,
    )
    assert.ok(Number(listed.headers.get('access-control-max-age')) > 0)
    const foreign = await preflight(FOREIGN)
    assert.equal(foreign.status, 405)
    for (const name of ['origin', 'methods', 'headers']) {
      assert.equal(foreign.headers.get(`access-control-allow-${name}`), null)
    }
  })

  it('an answer that fails says nothing of the inside, on REST, GraphQL and a socket', async () => {
    const secret = 'a secret of the house'
    gateway.decide = () => Promise.reject(new Error(secret))
    const query = 'mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
    const variables = { input: { eventId: event.id, contestantId: event.contestantIds[0] } }
    const operation = JSON.stringify({ query, variables })
    const texts = [
      await answers['a vote by the door']?.(),
      await answers['a vote by its route']?.(),
      await ask('/graphql', { method: 'POST', body: operation }),
      await ask('/graphql', { method: 'POST', body: operation }),
    ].map((answer) => answer?.text ?? '')
    const socket = new WebSocket(`${base.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await once(socket, 'open')
    const payload = { Authorization: `Bearer ${gateway.userToken(9)}` }
    socket.send(JSON.stringify({ type: 'connection_init', payload }))
    await once(socket, 'message')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: JSON.parse(operation) }))
    texts.push(String((await once(socket, 'message'))[0]))
    socket.terminate()
    gateway.decide = async () => 'accepted'
    for (const text of texts) {
      assert.match(text, /"INTERNAL"/)
      assert.doesNotMatch(text, /secret|Error:|node_modules|\.[jt]s\b|stack/i)
    }
  })

  it('what is no HTTP is told so without a banner', async () => {
    const answer = await exchangeRaw(portOf(gateway.app), 'nonsense\r\n\r\n')
    assert.match(answer, /^HTTP\/1.1 400/)
    assert.match(answer, /x-content-type-options: nosniff/)
    assert.doesNotMatch(answer, /server:|powered|parse error|HPE_/i)
  })

  it('the private port says nothing of what wrote it, nor why figures failed', async () => {
    const failing = { getMetricsAsJSON: () => Promise.reject(new Error('a secret of the house')) }
    const health = await startHealthServer({ port: 0, registry: failing, missing: () => [] })
    for (const path of ['/metrics', '/healthz', '/nothing']) {
      const answer = await fetch(`http://127.0.0.1:${health.port}${path}`)
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
      for (const banner of ['server', 'x-powered-by']) assert.equal(answer.headers.get(banner), null)
      assert.doesNotMatch(await answer.text(), /secret|Error/)
    }
    await health.stop()
  })

  it('the private port is open on this machine alone, unless it is told otherwise', async () => {
    const addresses: (string | undefined)[] = []
    for (const host of [undefined, '0.0.0.0']) {
      const health = await startHealthServer({
        port: 0,
        ...(host === undefined ? {} : { host }),
        registry: createMetrics(),
        missing: () => [],
      })
      addresses.push(health.host)
      await health.stop()
    }
    assert.deepEqual(addresses, ['127.0.0.1', '0.0.0.0'])
  })
})
