import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import type { Rate } from '../../src/admission/limits.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

/** Nothing comes back while a test runs. */
const only = (burst: number): Rate => ({ perSecond: 0.001, burst })
const SUBMIT = 'mutation Cast($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
describe('throttling', () => {
  let gateway: TestGateway
  let event: { id: string; contestantIds: readonly string[] }
  let origin: string

  before(async () => {
    gateway = await startTestGateway()
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    const draft = { name: 'Event', opensAtMs: null, closesAtMs: null, contestants }
    event = await gateway.events.create(callerOf(7), draft)
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    origin = `http://127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`
  })
  after(() => gateway.stop())
  afterEach(() => gateway.limit(undefined))

  const headersOf = (voter: number) => ({ authorization: `Bearer ${gateway.userToken(voter)}` })
  const vote = (voter = 9, type = 'application/json') =>
    fetch(`${origin}/v1/vote/submit`, {
      method: 'POST',
      headers: { ...headersOf(voter), 'content-type': type },
      body: JSON.stringify({
        user_id: gateway.ids.userId(voter as never),
        event_id: event.id,
        contestant_id: event.contestantIds[0],
      }),
    })
  const get = (path: string, headers: Record<string, string> = headersOf(9)) =>
    fetch(origin + path, { headers })
  const graphql = (query: string, variables: unknown = {}, type = 'application/json') =>
    fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { ...headersOf(9), 'content-type': type },
      body: JSON.stringify({ query, variables }),
    })
  const input = () => ({ eventId: event.id, contestantId: event.contestantIds[0] })
  const votes = (count: number) =>
    `mutation Many($input: SubmitVoteInput!) { ${Array.from({ length: count }, (_, at) => `m${at}: submitVote(input: $input) { id }`).join(' ')} }`

  const refused = async (response: Response, policy: string, burst: number): Promise<void> => {
    assert.equal(response.status, 429)
    const retryAfter = response.headers.get('retry-after') ?? ''
    assert.match(retryAfter, /^[1-9]\d*$/)
    assert.equal(response.headers.get('ratelimit'), `"${policy}";r=0;t=${retryAfter}`)
    assert.equal(response.headers.get('ratelimit-policy'), `"${policy}";q=1;w=1000;votestream-burst=${burst}`)
    const body = (await response.json()) as { code?: string; errors?: { extensions: { code: string } }[] }
    assert.equal(body.code ?? body.errors?.[0]?.extensions.code, 'RATE_LIMITED')
  }

  it('refuses the vote behind a burst with 429, and says when to come again, at the door and on the route', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8']) {
      gateway.limit({ service: only(2) })
      assert.equal((await vote(9, type)).status, 200)
      assert.equal((await vote(10, type)).status, 200)
      const before = gateway.submissions.length
      const response = await vote(11, type)
      assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
      await refused(response, 'service', 2)
      assert.equal(gateway.submissions.length, before)
    }
  })

  it('refuses whatever path of REST it is, with a token or without, and a path that is not there', async () => {
    const paths = [
      `/v1/event/${event.id}/leaderboard`,
      `/v1/event/${event.id}/leaderboard/stream`,
      `/v1/contestants/${event.id}`,
      '/v1/openapi.json',
      '/v1/nothing',
      '/nothing',
    ]
    for (const path of paths) {
      gateway.limit({ address: only(1) })
      await get('/nothing')
      await refused(await get(path), 'address', 1)
    }
  })

  it('never refuses to say whether the gateway lives', async () => {
    gateway.limit({ service: only(1), address: only(1) })
    await get('/nothing')
    for (const path of ['/healthz', '/readyz']) {
      for (let times = 0; times < 3; times += 1) assert.equal((await get(path, {})).status, 200)
    }
  })

  it('refuses before the body has come', async () => {
    gateway.limit({ address: only(1) })
    await get('/nothing')
    for (const path of ['/v1/auth/login', '/v1/event/create', '/graphql']) {
      const status = await new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json', 'content-length': '1000000' }
        const request = httpRequest(origin + path, { method: 'POST', headers }, (response) => {
          resolve(response.statusCode)
          request.destroy()
        })
        request.on('error', reject)
        request.write('{')
      })
      assert.equal(status, 429)
    }
  })

  it('refuses a user alone who asks too often, whatever it asks for', async () => {
    gateway.limit({ user: only(2) })
    assert.equal((await vote(9)).status, 200)
    assert.equal((await graphql('{ me { id } }')).status, 200)
    await refused(await get(`/v1/contestants/${event.id}`), 'user', 2)
    await refused(await graphql('{ me { id } }'), 'user', 2)
    assert.equal((await vote(10)).status, 200)
  })

  it('counts bad tokens for their address, at the doors and on the routes', async () => {
    const bad = { authorization: 'Bearer bad', 'content-type': 'application/json' }
    await graphql(SUBMIT, { input: input() })
    const asks = [
      () => get(`/v1/contestants/${event.id}`, bad),
      () => fetch(`${origin}/v1/vote/submit`, { method: 'POST', headers: bad, body: '{}' }),
      ...[SUBMIT, `${SUBMIT} # unknown ${Math.random()}`].map(
        (query) => () =>
          fetch(`${origin}/graphql`, {
            method: 'POST',
            headers: bad,
            body: JSON.stringify({ query, variables: { input: input() } }),
          }),
      ),
    ]
    for (const ask of asks) {
      gateway.limit({ address: only(2) })
      assert.deepEqual([(await ask()).status, (await ask()).status], [401, 401])
      await refused(await ask(), 'address', 2)
    }
  })

  for (const [way, type] of [
    ['by its door', 'application/json'],
    ['by Apollo Server', 'application/json; charset=utf-8'],
  ] as const) {
    it(`counts each mutation of a GraphQL request ${way}: one of 100 costs 100, a query 1`, async () => {
      // Whatever is known is taken by the door.
      for (const query of [votes(100), SUBMIT]) await graphql(query, { input: input() })
      gateway.limit({ user: only(102) })
      const cast = gateway.submissions.length
      assert.equal((await graphql(votes(100), { input: input() }, type)).status, 200)
      assert.equal((await graphql('{ a: me { id } b: me { id } }', {}, type)).status, 200)
      assert.equal((await graphql(SUBMIT, { input: input() }, type)).status, 200)
      assert.equal(gateway.submissions.length, cast + 101)
      await refused(await graphql(SUBMIT, { input: input() }, type), 'user', 102)

      gateway.limit({ user: only(99) })
      const response = await graphql(votes(100), { input: input() }, type)
      assert.equal(response.status, 429)
      assert.match(response.headers.get('ratelimit') ?? '', /^"user";r=9[89];/)
      assert.equal(gateway.submissions.length, cast + 101)
    })
  }

  it('admits once what its door gives back', async () => {
    await graphql(SUBMIT, { input: input() })
    gateway.limit({ user: only(2) })
    assert.equal((await graphql(SUBMIT, { input: 7 })).status, 400)
    assert.equal((await graphql('{ me { id } }')).status, 200)
    await refused(await graphql('{ me { id } }'), 'user', 2)
  })

  it('counts what is asked for on a socket, with the same code, and documents that are not valid', async () => {
    const client = createClient({
      url: `${origin.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${gateway.userToken(9)}` },
      retryAttempts: 0,
      lazy: false,
    })
    const ask = async (query: string) => {
      try {
        for await (const result of client.iterate({ query, variables: { input: input() } }))
          return result.errors?.[0]
      } catch (errors) {
        return (errors as { extensions?: { code?: string; retryAfterSeconds?: number } }[])[0]
      }
    }
    try {
      await ask('{ me { id } }')
      gateway.limit({ user: only(5) })
      assert.equal((await ask(votes(4)))?.extensions?.code, undefined)
      assert.equal((await ask('{ nothing }'))?.extensions?.code, 'GRAPHQL_VALIDATION_FAILED')
      const error = await ask(SUBMIT)
      assert.equal(error?.extensions?.code, 'RATE_LIMITED')
      assert.ok(Number(error?.extensions?.retryAfterSeconds) >= 1)
      assert.equal((await ask('{ nothing }'))?.extensions?.code, 'RATE_LIMITED')
    } finally {
      await client.dispose()
    }
  })

  it('refuses to open a socket with 429', async () => {
    gateway.limit({ apis: { rest: undefined, graphql: undefined, websocket: only(1) } })
    const open = () =>
      new Promise<{ status: number; retryAfter?: string | undefined }>((resolve, reject) => {
        const socket = new WebSocket(`${origin.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
        socket.once('open', () => {
          socket.close()
          resolve({ status: 101 })
        })
        socket.once('unexpected-response', (_request, { statusCode = 0, headers }) =>
          resolve({ status: statusCode, retryAfter: headers['retry-after'] }),
        )
        socket.once('error', reject)
      })
    assert.deepEqual(await open(), { status: 101 })
    assert.deepEqual(await open(), { status: 429, retryAfter: '1000' })
    assert.equal((await vote()).status, 200)
  })
})
