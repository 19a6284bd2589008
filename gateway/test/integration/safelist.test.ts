import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import type { KV } from '@nats-io/kv'
import { openOperationsBucket } from '@votestream/infra/streams'
import { shardNumber, voterNumber } from '@votestream/schema/numbers'
import { operationTexts, textHash } from '@votestream/schema/operation-text'
import { encodeOperation } from '@votestream/schema/registered-operation'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { boardPart } from '@votestream/schema/votes'
import { getIntrospectionQuery, parse, print } from 'graphql'
import { type Client, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import type { CatalogEvent } from '../../src/event-catalog.js'
import { PAGE_DOCUMENTS } from '../../web/src/model/page-documents.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const VOTE = 'mutation Cast($input: SubmitVoteInput!) { submitVote(input: $input) { id status } }'
const VOTE_OTHERWISE = `
  # The same, written by somebody else.
  mutation Cast (
    $input: SubmitVoteInput!,
  ) {
    submitVote(input: $input) { id, status }
  }`
const ME = 'query Me { me { id } }'
const WATCH = 'subscription Watch($id: ID!) { leaderboardChanged(eventId: $id) { version } }'

const part = {
  ...{ shard: shardNumber(0), generation: '2026-05-16T20:00:00Z' },
  ...{ sequence: 5, totals: [1], ackedAtMs: 1_000 },
}

interface Told {
  readonly status: number
  readonly code: string | undefined
  readonly data: unknown
}

describe('where only registered operations run', () => {
  let gateway: TestGateway
  let operations: KV
  let origin: string
  let event: CatalogEvent
  let client: Client

  before(async () => {
    gateway = await startTestGateway({ safelist: 'only' })
    operations = await openOperationsBucket(gateway.nats, 1)
    gateway.parts = async (events) => new Map(events.map((number) => [number, [part]]))
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    const draft = { name: 'Event', opensAtMs: null, closesAtMs: null, contestants }
    event = await gateway.events.create(callerOf(7), draft)
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    origin = `http://127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`
    client = createClient({
      url: `${origin.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${gateway.userToken(9)}` },
      retryAttempts: 0,
    })
    for (const text of [VOTE, ME, WATCH]) await register(text)
  })
  after(async () => {
    await client?.dispose()
    await gateway?.stop()
  })

  const idOf = (text: string): string => operationTexts(parse(text))[0]?.id ?? assert.fail(text)
  /** As `npm run operations` does, until the gateway knows it. */
  const register = async (text: string): Promise<void> => {
    const [operation] = operationTexts(parse(text))
    assert.ok(operation)
    const record = { version: 1, ...operation, hashes: [textHash(text)], registeredAtMs: 1 } as const
    await operations.put(operation.id, encodeOperation(record))
    while ((await socketCode({ query: text })) === 'OPERATION_NOT_REGISTERED') await pause(5)
  }

  const told = async (response: Response): Promise<Told> => {
    const { data, errors } = (await response.json()) as { data?: unknown; errors?: Errors }
    return { status: response.status, code: errors?.[0]?.extensions?.code, data }
  }
  type Errors = readonly { readonly extensions?: { readonly code?: string } }[]
  const post = async (type: string, body: object): Promise<Told> =>
    told(
      await fetch(`${origin}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.userToken(9)}`, 'content-type': type },
        body: JSON.stringify(body),
      }),
    )
  const byApollo = (body: object) => post('application/json; charset=utf-8', body)
  /** Of an operation that ran before, in front of Apollo Server. */
  const byDoor = (body: object) => post('application/json', body)
  const byGet = async (body: Readonly<Record<string, unknown>>): Promise<Told> => {
    const texts = Object.entries(body).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ])
    return told(
      await fetch(`${origin}/graphql?${new URLSearchParams(texts)}`, {
        headers: {
          authorization: `Bearer ${gateway.userToken(9)}`,
          'apollo-require-preflight': 'yes',
        },
      }),
    )
  }
  const bySocket = async (payload: {
    query?: string
    variables?: Record<string, unknown>
    extensions?: Record<string, unknown>
  }): Promise<Omit<Told, 'status'>> => {
    for await (const { data, errors } of client.iterate({ query: '', ...payload }))
      return { code: (errors as Errors | undefined)?.[0]?.extensions?.code, data }
    throw new Error('completed without an answer')
  }
  const socketCode = (payload: Parameters<typeof bySocket>[0]): Promise<string | undefined> =>
    bySocket(payload).then(
      ({ code }) => code,
      // What is refused before it begins is thrown, as a list.
      (errors: Errors) => errors[0]?.extensions?.code,
    )

  const variables = () => ({ input: { eventId: event.id, contestantId: event.contestantIds[0] } })
  const extensions = (sha256Hash: string) => ({ persistedQuery: { version: 1, sha256Hash } })

  it('a mutation runs by every way, however it is formatted', async () => {
    gateway.submissions.length = 0
    for (const query of [VOTE, VOTE_OTHERWISE]) {
      const body = { query, variables: variables() }
      for (const way of [byApollo, byDoor, byDoor]) assert.equal((await way(body)).status, 200)
      assert.equal(await socketCode(body), undefined)
    }
    assert.equal(gateway.submissions.length, 8)
  })

  it('everything else is refused by every way with OPERATION_NOT_REGISTERED, and nothing runs', async () => {
    gateway.submissions.length = 0
    const refused: object[] = [
      { query: VOTE.replace('id status', 'id'), variables: variables() },
      { query: VOTE.replace('Cast', 'Other'), variables: variables() },
      { query: `${VOTE} ${ME.replace('Me', 'Other')}`, operationName: 'Cast', variables: variables() },
      { query: getIntrospectionQuery() },
      { query: '{ __typename }' },
      { query: '{ nobody }' },
      { query: '{' },
      { query: '' },
      { query: '', extensions: extensions('a'.repeat(64)) },
    ]
    for (const body of refused) {
      for (const way of [byApollo, byDoor]) {
        const { status, code } = await way(body)
        assert.deepEqual([status, code], [403, 'OPERATION_NOT_REGISTERED'], JSON.stringify(body))
      }
      assert.equal(await socketCode(body), 'OPERATION_NOT_REGISTERED', JSON.stringify(body))
    }
    for (const body of [{}, [{ query: ME }], { query: 7 }, { extensions: extensions('a'.repeat(64)) }])
      assert.equal((await byApollo(body)).code, 'OPERATION_NOT_REGISTERED', JSON.stringify(body))
    assert.equal(
      await socketCode({ query: WATCH.replace('version', 'totalVotes'), variables: { id: event.id } }),
      'OPERATION_NOT_REGISTERED',
    )
    assert.equal(gateway.submissions.length, 0)
  })

  it('a query runs by GET, and no parameter brings in another one', async () => {
    assert.equal((await byGet({ query: ME })).status, 200)
    assert.equal((await byGet({ query: '{ __typename }' })).code, 'OPERATION_NOT_REGISTERED')
    assert.equal((await byGet({ extensions: extensions(textHash(ME)) })).status, 200)
    const two = new URLSearchParams([
      ['query', ME],
      ['query', '{ __typename }'],
    ])
    const headers = { 'apollo-require-preflight': 'yes' }
    for (const search of [String(two), `query=${encodeURIComponent(ME)}&qu%65ry=%7B__typename%7D`]) {
      const answer = await told(await fetch(`${origin}/graphql?${search}`, { headers }))
      assert.deepEqual([answer.status, answer.data], [400, undefined], search)
    }
  })

  it('a subscription is followed on a socket, and is no operation for HTTP', async () => {
    const { data } = await bySocket({ query: WATCH, variables: { id: event.id } })
    assert.deepEqual(data, { leaderboardChanged: { version: 5 } })
    const { status, code } = await byApollo({ query: WATCH, variables: { id: event.id } })
    assert.deepEqual([status, code], [400, 'INVALID_REQUEST'])
  })

  it('the hash alone is enough: of the text that was registered, or the id', async () => {
    for (const hash of [textHash(VOTE), idOf(VOTE)]) {
      gateway.submissions.length = 0
      const body = { extensions: extensions(hash), variables: variables() }
      for (const way of [byApollo, byDoor, byDoor]) assert.equal((await way(body)).status, 200)
      assert.equal(await socketCode(body), undefined)
      assert.equal(gateway.submissions.length, 4)
    }
    const { data } = await bySocket({ extensions: extensions(idOf(WATCH)), variables: { id: event.id } })
    assert.deepEqual(data, { leaderboardChanged: { version: 5 } })
  })

  it('a text that was sent with its hash is not registered by that', async () => {
    const text = VOTE_OTHERWISE
    const both = { query: text, extensions: extensions(textHash(text)), variables: variables() }
    assert.equal((await byApollo(both)).status, 200)
    const { query: _text, ...alone } = both
    assert.equal((await byApollo(alone)).code, 'OPERATION_NOT_REGISTERED')
    const wrong = { ...both, extensions: extensions(textHash(VOTE)) }
    assert.deepEqual([(await byApollo(wrong)).status, (await byDoor(wrong)).status], [400, 400])
  })

  it('runs what Apollo Client asks for by a hash of its manifest, which sends no text', async () => {
    const document = gql`query Cursors { events(first: 1) { edges { cursor __typename } __typename } }`
    const body = print(document)
    await register(body)
    const sent: string[] = []
    const link = ApolloLink.from([
      new PersistedQueryLink({ generateHash: async () => textHash(body) }),
      new HttpLink({
        uri: `${origin}/graphql`,
        headers: { authorization: `Bearer ${gateway.userToken(9)}` },
        fetch: (input, init) => {
          sent.push(String(init?.body))
          return fetch(input, init)
        },
      }),
    ])
    const apollo = new ApolloClient({ link, cache: new InMemoryCache() })
    const { data } = await apollo.query<{ events: { edges: unknown[] } }>({ query: document })
    apollo.stop()
    assert.equal(data?.events.edges.length, 1)
    assert.equal(sent.length, 1)
    assert.doesNotMatch(sent[0] ?? '', /"query"/)
  })

  it('what was removed is refused within a second by every way, and runs when it is registered again', async () => {
    const text = 'mutation Gone($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
    await register(text)
    const asked = [{ query: text }, { extensions: extensions(textHash(text)) }]
    const bodies = asked.map((each) => ({ ...each, variables: variables() }))
    // From now on the door knows it, and Apollo Server and the sockets have it parsed.
    for (const body of bodies) {
      for (const way of [byApollo, byDoor, byDoor]) assert.equal((await way(body)).status, 200)
      assert.equal(await socketCode(body), undefined)
    }
    const removedAtMs = performance.now()
    await operations.delete(idOf(text))
    for (const body of bodies) {
      while ((await byDoor(body)).code !== 'OPERATION_NOT_REGISTERED') await pause(2)
      assert.equal((await byApollo(body)).code, 'OPERATION_NOT_REGISTERED')
      assert.equal(await socketCode(body), 'OPERATION_NOT_REGISTERED')
    }
    assert.ok(performance.now() - removedAtMs < 1_000)
    await register(text)
    for (const body of bodies) assert.equal((await byDoor(body)).status, 200)
  })

  it('what is followed ends when it is removed, for everybody, and says why; what else is followed goes on', async () => {
    // The second one is nobody's but its viewer's, so it is executed for it alone.
    const texts = [
      'subscription Gone($id: ID!) { leaderboardChanged(eventId: $id) { asOf } }',
      'subscription GoneVote($id: ID!) { voteStatusChanged(voteId: $id) { id } }',
    ]
    gateway.voteStatus = async () => 'acked'
    const voteId = gateway.ids.voteId(event.record.number, voterNumber(9))
    const follow = async (query: string) => {
      const variables = { id: query.includes('Vote') ? voteId : event.id }
      const results = client.iterate({ query, variables })
      const { value } = await results.next()
      assert.ok(value?.data, JSON.stringify(value))
      return { results, next: results.next() }
    }
    for (const text of [...texts, WATCH]) await register(text)
    const others = await follow(WATCH)
    const removed = await Promise.all([...texts, ...texts].map(follow))
    const ends = removed.map(({ next }) =>
      assert.rejects(next, (errors: Errors) => errors[0]?.extensions?.code === 'OPERATION_NOT_REGISTERED'),
    )
    const removedAtMs = performance.now()
    for (const text of texts) await operations.delete(idOf(text))
    await Promise.all(ends)
    assert.ok(performance.now() - removedAtMs < 1_000)
    const later = { ...part, event: event.record.number, sequence: 7, totals: [7] }
    gateway.nats.connection.publish(leaderboardSubject(event.record.number), boardPart.encode(later))
    assert.deepEqual((await others.next).value?.data, { leaderboardChanged: { version: 7 } })
    await others.results.return?.()
    while (gateway.broadcasts.size > 0) await pause(5)
    gateway.voteStatus = async () => 'processed'
  })

  it("runs all that the live page asks for, as the page's client sends it", async () => {
    const cache = new InMemoryCache()
    for (const [name, text] of Object.entries(PAGE_DOCUMENTS)) {
      const query = print(cache.transformDocument(gql(text)))
      for (const way of [byApollo, byDoor])
        assert.notEqual((await way({ query })).code, 'OPERATION_NOT_REGISTERED', name)
      assert.notEqual(await socketCode({ query }), 'OPERATION_NOT_REGISTERED', name)
    }
  })

  it('offers no page to try other operations on', async () => {
    assert.equal((await gateway.app.inject('/graphiql')).statusCode, 404)
  })

  it('while the broker is away what was registered runs, and nothing else; what changes afterwards holds', async () => {
    await gateway.servers.kill('nats')
    while (gateway.nats.connected()) await pause(5)
    for (const way of [byApollo, byDoor, byGet]) {
      assert.equal((await way({ query: ME })).status, 200)
      assert.equal((await way({ query: '{ __typename }' })).code, 'OPERATION_NOT_REGISTERED')
    }
    await gateway.servers.start('nats')
    while (!gateway.nats.connected()) await pause(5)
    await register('query Later { me { id } }')
    await operations.delete(idOf(ME))
    while ((await byDoor({ query: ME })).code !== 'OPERATION_NOT_REGISTERED') await pause(5)
  })
})
