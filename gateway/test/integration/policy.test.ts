import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { eventNumber, voterNumber } from '@votestream/schema/numbers'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { readPolicy } from '../../src/policy-report.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

/** Everybody who may come, by the token that they bring. */
const CALLERS = ['nobody', 'application', 'voter', 'other', 'viewer', 'admin', 'operator', 'expired'] as const
type Who = (typeof CALLERS)[number]

const OK = 'ok'
const NO_TOKEN = 'UNAUTHENTICATED'
const NO = 'WRONG_SCOPE'

/** What each of them is told, in the order of CALLERS. `voter` made the event and cast the vote. */
const everybody = [OK, OK, OK, OK, OK, OK, OK, OK]
/** A token that is not valid ends a request, and is not looked at where none is asked for. */
const everybodyOverGraphql = [OK, OK, OK, OK, OK, OK, OK, NO_TOKEN]
const readers = [NO_TOKEN, NO, OK, OK, OK, OK, OK, NO_TOKEN]
const EXPECTED: Record<string, { rest?: readonly string[]; graphql?: readonly string[] }> = {
  login: { rest: everybody, graphql: everybodyOverGraphql },
  register: both([NO_TOKEN, OK, NO, NO, NO, OK, OK, NO_TOKEN]),
  me: { graphql: [NO_TOKEN, NO, OK, OK, NO, OK, NO, NO_TOKEN] },
  createEvent: both([NO_TOKEN, NO, OK, OK, NO, OK, NO, NO_TOKEN]),
  closeEvent: both([NO_TOKEN, NO, OK, 'WRONG_USER', NO, OK, OK, NO_TOKEN]),
  event: { graphql: readers },
  events: { graphql: readers },
  contestants: both(readers),
  submitVote: both([NO_TOKEN, NO, OK, OK, NO, OK, NO, NO_TOKEN]),
  voteStatus: both([NO_TOKEN, NO, OK, 'VOTE_NOT_FOUND', NO, 'VOTE_NOT_FOUND', NO, NO_TOKEN]),
  voteStatusStream: { graphql: [NO_TOKEN, NO, OK, 'VOTE_NOT_FOUND', NO, 'VOTE_NOT_FOUND', NO, NO_TOKEN] },
  decideVote: both([NO_TOKEN, NO, NO, NO, NO, OK, OK, NO_TOKEN]),
  revokeTokens: { graphql: [NO_TOKEN, NO, NO, NO, NO, OK, OK, NO_TOKEN] },
  managePlans: { graphql: [NO_TOKEN, NO, NO, NO, NO, OK, OK, NO_TOKEN] },
  myApiKeys: { graphql: [NO_TOKEN, OK, OK, OK, OK, OK, OK, NO_TOKEN] },
  leaderboard: both(readers),
  leaderboardStream: both(readers),
  timeline: { graphql: readers },
}
/** Not asked for here: no operation of an interface, or tested beside what they serve. */
const ELSEWHERE = [
  'logout',
  'createCanaryEvent',
  'viewerToken',
  'rum',
  'graphql',
  'page',
  'documents',
  'health',
]

function both(answers: readonly string[]) {
  return { rest: answers, graphql: answers }
}

describe('who may do what', () => {
  let gateway: TestGateway
  let event: { id: string; contestantIds: readonly string[] }
  let voteId: string
  let base: string
  let names = 0

  before(async () => {
    gateway = await startTestGateway()
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    const draft = { name: 'Event', opensAtMs: null, closesAtMs: null, contestants }
    event = await gateway.events.create(callerOf(VOTER), draft)
    voteId = gateway.ids.voteId(gateway.ids.parseEventId(event.id) ?? eventNumber(1), voterNumber(VOTER))
    await gateway.accounts.ensureAdmin('somebody', 'correct horse')
    gateway.parts = async (events) =>
      new Map(
        events.map((number) => [number, [{ sequence: 1, totals: [1], ackedAtMs: 1, stale: false }]]),
      ) as never
    gateway.board = async () => ({ version: 1, totals: [1], ackedAtMs: 1 })
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    base = `127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`
  })
  after(() => gateway.stop())

  const VOTER = 7
  const VOTERS: Partial<Record<Who, number>> = { voter: VOTER, other: 8, admin: 9, expired: VOTER }
  const userId = (who: Who) => gateway.ids.userId(voterNumber(VOTERS[who] ?? VOTER))
  const tokenOf = (who: Who): string | undefined => {
    switch (who) {
      case 'nobody':
        return undefined
      case 'application':
        return gateway.applicationToken(['accounts:register'])
      case 'viewer':
        return gateway.applicationToken(['results:read'])
      case 'operator':
        return gateway.applicationToken(['admin'])
      case 'admin':
        return gateway.userToken(9, ['admin'])
      case 'expired':
        return gateway.tokens.issue({
          voter: voterNumber(VOTER),
          scopes: ['votes', 'events', 'results:read'],
          ttlSeconds: -1,
        })
      default:
        return gateway.userToken(VOTERS[who] ?? 0)
    }
  }
  const account = () => {
    names += 1
    return { username: `name-${names}`, password: 'correct horse', email: 'a@example.com' }
  }
  const contestant = { name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }

  const REST: Record<string, (who: Who) => [method: string, path: string, body?: object]> = {
    login: () => ['POST', '/v1/auth/login', { username: 'somebody', password: 'correct horse' }],
    register: () => ['POST', '/v1/auth/register', { ...account(), date_of_birth: '1990-05-17' }],
    createEvent: (who) => [
      'POST',
      '/v1/event/create',
      {
        user_id: userId(who),
        event_name: 'E',
        contestants: [
          {
            contestant_name: 'A',
            contestant_description: 'a',
            contestant_image_url: 'https://a.example/a.png',
          },
        ],
      },
    ],
    closeEvent: () => ['POST', `/v1/event/${event.id}/close`],
    contestants: () => ['GET', `/v1/contestants/${event.id}`],
    submitVote: (who) => [
      'POST',
      '/v1/vote/submit',
      { user_id: userId(who), event_id: event.id, contestant_id: event.contestantIds[0] },
    ],
    voteStatus: () => ['GET', `/v1/vote/${voteId}/status`],
    decideVote: () => ['POST', `/v1/vote/${voteId}/decision`, { verdict: 'reject' }],
    leaderboard: () => ['GET', `/v1/event/${event.id}/leaderboard`],
    leaderboardStream: () => ['GET', `/v1/event/${event.id}/leaderboard/stream`],
  }
  const GRAPHQL: Record<string, () => [query: string, variables?: object]> = {
    login: () => ['mutation { login(username: "somebody", password: "correct horse") { token } }'],
    register: () => [
      'mutation($input: RegisterInput!) { register(input: $input) { id } }',
      { input: { ...account(), dateOfBirth: '1990-05-17' } },
    ],
    me: () => ['{ me { id } }'],
    createEvent: () => [
      'mutation($input: CreateEventInput!) { createEvent(input: $input) { id } }',
      { input: { name: 'E', contestants: [contestant] } },
    ],
    closeEvent: () => [`mutation { closeEvent(id: "${event.id}") { id } }`],
    event: () => [`{ event(id: "${event.id}") { name } }`],
    events: () => ['{ events { nodes { name } } }'],
    contestants: () => [`{ event(id: "${event.id}") { contestants { name } } }`],
    submitVote: () => [
      'mutation($input: SubmitVoteInput!) { submitVote(input: $input) { id } }',
      { input: { eventId: event.id, contestantId: event.contestantIds[0] } },
    ],
    voteStatus: () => [`{ vote(id: "${voteId}") { status } }`],
    voteStatusStream: () => [`subscription { voteStatusChanged(voteId: "${voteId}") { status } }`],
    decideVote: () => [
      `mutation { decideVote(input: { voteId: "${voteId}", verdict: REJECT }) { verdict } }`,
    ],
    revokeTokens: () => [
      `mutation { revokeTokens(input: { userId: "${gateway.ids.userId(voterNumber(99))}" }) }`,
    ],
    managePlans: () => ['{ usagePlans { name } }'],
    myApiKeys: () => ['{ myApiKeys { id } }'],
    leaderboard: () => [`{ leaderboard(eventId: "${event.id}") { version } }`],
    leaderboardStream: () => [`subscription { leaderboardChanged(eventId: "${event.id}") { version } }`],
    timeline: () => [`{ event(id: "${event.id}") { timeline(window: MINUTE) { votes } } }`],
  }

  const overRest = async (operation: string, who: Who): Promise<string> => {
    const [method, path, body] = REST[operation]?.(who) ?? ['', '']
    const token = tokenOf(who)
    const leaving = new AbortController()
    const response = await fetch(`http://${base}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: leaving.signal,
    })
    if (response.ok) {
      // A stream has no end of its own.
      leaving.abort()
      return OK
    }
    return ((await response.json()) as { code: string }).code
  }

  /** `charset` goes past the doors in front of the router. */
  const overHttp = async (operation: string, who: Who, type: string): Promise<string> => {
    const [query, variables] = GRAPHQL[operation]?.() ?? ['']
    const token = tokenOf(who)
    const response = await fetch(`http://${base}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    })
    const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] }
    return errors?.[0]?.extensions.code ?? OK
  }

  const overSocket = async (operation: string, who: Who): Promise<string> => {
    const [query, variables] = GRAPHQL[operation]?.() ?? ['']
    const token = tokenOf(who)
    const client = createClient({
      url: `ws://${base}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      ...(token === undefined ? {} : { connectionParams: { Authorization: `Bearer ${token}` } }),
    })
    try {
      for await (const { errors } of client.iterate({ query, variables: variables as never })) {
        return (errors?.[0]?.extensions?.code as string | undefined) ?? OK
      }
      return 'no answer'
    } catch (error) {
      if (Array.isArray(error)) return error[0].extensions.code
      // Who brings a token that is not valid is sent away at once.
      assert.equal((error as { code?: number }).code, 4403)
      return NO_TOKEN
    } finally {
      await client.dispose()
    }
  }

  const answers = async (ask: (who: Who) => Promise<string>): Promise<Record<string, string>> => {
    const told: Record<string, string> = {}
    for (const who of CALLERS) told[who] = await ask(who)
    return told
  }
  const expected = (told: readonly string[]) => Object.fromEntries(CALLERS.map((who, at) => [who, told[at]]))

  for (const [operation, { rest, graphql }] of Object.entries(EXPECTED)) {
    if (rest) {
      it(`${operation}, over REST: everybody is told what they may`, async () => {
        assert.deepEqual(await answers((who) => overRest(operation, who)), expected(rest))
      })
    }
    if (!graphql) continue
    it(`${operation}, over a socket: everybody is told what they may`, async () => {
      assert.deepEqual(await answers((who) => overSocket(operation, who)), expected(graphql))
    })
    if (operation.endsWith('Stream')) continue
    it(`${operation}, over GraphQL: everybody is told what they may, also at the door`, async () => {
      for (const type of ['application/json; charset=utf-8', 'application/json']) {
        assert.deepEqual(await answers((who) => overHttp(operation, who, type)), expected(graphql))
      }
    })
  }

  it('names every operation of the policy, and every route and field names one', async () => {
    const rows = await readPolicy()
    const operations = rows.map(({ operation }) => operation)
    assert.deepEqual([...operations].sort(), [...Object.keys(EXPECTED), ...ELSEWHERE].sort())
    for (const { operation, routes, fields } of rows) {
      const asked = EXPECTED[operation]
      if (!asked) continue
      assert.equal(asked.rest !== undefined, routes.length > 0, `${operation}: ${routes}`)
      assert.equal(asked.graphql !== undefined, fields.length > 0, `${operation}: ${fields}`)
    }
  })

  it("takes no vote and no event for another one's user", async () => {
    const [, path, body] = REST.submitVote?.('voter') ?? ['', '']
    const [, otherPath, otherBody] = REST.createEvent?.('voter') ?? ['', '']
    for (const [url, payload] of [
      [path, body],
      [otherPath, otherBody],
    ] as const) {
      const response = await fetch(`http://${base}${url}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.userToken(8)}`, 'content-type': 'application/json' },
        body: JSON.stringify(payload),
      })
      assert.equal(((await response.json()) as { code: string }).code, 'WRONG_USER')
    }
  })
})
