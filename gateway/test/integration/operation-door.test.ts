import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { VotestreamError } from '@votestream/schema/errors'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const SUBMIT = `mutation Cast($input: SubmitVoteInput!) { submitVote(input: $input) { id status event { name } } }`
const NAMES =
  'query A { me { username } } query B($first: Int) { events(first: $first) { edges { node { name } } } }'

/** An operation that is known is executed without Apollo Server: nobody may notice. */
describe('the door of operations', () => {
  let gateway: TestGateway
  let event: { id: string; contestantIds: readonly string[] }
  let port: number

  before(async () => {
    gateway = await startTestGateway()
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    const draft = { name: 'Event', opensAtMs: null, closesAtMs: null, contestants }
    event = await gateway.events.create(callerOf(7), draft)
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    port = (gateway.app.server.address() as AddressInfo).port
  })
  after(() => gateway.stop())
  afterEach(() => {
    gateway.decide = async () => 'accepted'
  })

  const input = () => ({ eventId: event.id, contestantId: event.contestantIds[0] })

  const ask = async (type: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.userToken(9)}`, 'content-type': type, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const names = ['content-type', 'content-length', 'cache-control', 'www-authenticate', 'retry-after']
    const seen = names.map((name) => `${name}: ${response.headers.get(name)}`)
    return { status: response.status, headers: seen, body: await response.text() }
  }
  const byApollo = (body: unknown, headers?: Record<string, string>) =>
    ask('application/json; charset=utf-8', body, headers)
  const byDoor = (body: unknown, headers?: Record<string, string>) => ask('application/json', body, headers)

  const cases: Record<string, () => [body: unknown, headers?: Record<string, string>]> = {
    'a vote': () => [{ query: SUBMIT, variables: { input: input() } }],
    'a vote with its name and a key': () => [
      { query: SUBMIT, operationName: 'Cast', variables: { input: input() } },
      { 'idempotency-key': 'once', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    ],
    'as Apollo Client asks': () => [
      { query: SUBMIT, operationName: 'Cast', variables: { input: input() }, extensions: {} },
      { accept: 'application/graphql-response+json,application/json;q=0.9' },
    ],
    'a type in front': () => [
      { query: SUBMIT, variables: { input: input() } },
      { accept: 'application/graphql-response+json,application/json;q=0.9' },
    ],
    'nothing that is known to be accepted': () => [
      { query: SUBMIT, variables: { input: input() } },
      { accept: 'text/html' },
    ],
    'a failure of the operation': () => [
      { query: SUBMIT, variables: { input: { ...input(), eventId: 'x' } } },
    ],
    'variables of wrong types': () => [{ query: SUBMIT, variables: { input: { eventId: 7 } } }],
    'no variables': () => [{ query: SUBMIT }],
    'variables that are no object': () => [{ query: SUBMIT, variables: [1] }],
    'variables that are null': () => [{ query: NAMES, operationName: 'B', variables: null }],
    'one of two operations': () => [{ query: NAMES, operationName: 'B', variables: { first: 1 } }],
    'two operations and no name': () => [{ query: NAMES }],
    'a name of none of them': () => [{ query: NAMES, operationName: 'C' }],
    'a name that is no text': () => [{ query: NAMES, operationName: 7 }],
    'a name that is empty': () => [{ query: '{ events { edges { node { name } } } }', operationName: '' }],
    'an unknown field of the body': () => [{ query: SUBMIT, variables: { input: input() }, more: 1 }],
    'a persisted query that is not there': () => [
      { extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } },
    ],
    'a list of operations': () => [[{ query: SUBMIT, variables: { input: input() } }]],
    'no query': () => [{ variables: {} }],
    'no JSON': () => ['{"query":'],
    'a document that is not valid': () => [{ query: '{ nobody }' }],
    'a document that is no document': () => [{ query: '{' }],
    'a subscription': () => [{ query: 'subscription { leaderboardChanged(eventId: "x") { version } }' }],
    'no token': () => [{ query: SUBMIT, variables: { input: input() } }, { authorization: '' }],
    'a token that is not valid': () => [
      { query: SUBMIT, variables: { input: input() } },
      { authorization: 'Bearer x' },
    ],
    'a body too large for the door': () => [
      { query: `${SUBMIT}${' '.repeat(9_000)}`, variables: { input: input() } },
    ],
  }
  for (const [name, make] of Object.entries(cases)) {
    it(`answers as Apollo Server does: ${name}`, async () => {
      const [body, headers] = make()
      // Once it was asked for, it is known.
      const first = await byApollo(body, headers)
      const before = gateway.submissions.length
      const second = await byDoor(body, headers)
      const third = await byDoor(body, headers)
      assert.deepEqual([second, third], [first, first])
      const accepted = second.status === 200 && second.body.includes('"status":"ACKED"')
      assert.equal(gateway.submissions.length - before, accepted ? 2 : 0)
    })
  }

  it('answers as Apollo Server does: a vote that stands, no owner, a fault of ours', async () => {
    const refusing = (error: Error) => async () => Promise.reject(error)
    const outcomes: TestGateway['decide'][] = [
      async () => 'duplicate',
      refusing(new VotestreamError('VOTES_UNAVAILABLE', { retryAfterSeconds: 3 })),
      refusing(new Error('never to be told')),
    ]
    const body = { query: SUBMIT, variables: { input: input() } }
    const codes: unknown[] = []
    for (const decide of outcomes) {
      gateway.decide = decide
      const answered = await byDoor(body)
      assert.deepEqual(answered, await byApollo(body))
      assert.doesNotMatch(answered.body, /never to be told/)
      codes.push(JSON.parse(answered.body).errors[0].extensions.code)
    }
    assert.deepEqual(codes, ['DUPLICATE_VOTE', 'VOTES_UNAVAILABLE', 'INTERNAL'])
  })

  it('reads for nobody what another one may see', async () => {
    const body = { query: 'query Mine { me { id } }' }
    const own = [9, 10].map((voter) => ({ authorization: `Bearer ${gateway.userToken(voter)}` }))
    const answers = await Promise.all([...own, ...own].map((headers) => byDoor(body, headers)))
    assert.equal(answers[0]?.body, answers[2]?.body)
    assert.notEqual(answers[0]?.body, answers[1]?.body)
  })
})
