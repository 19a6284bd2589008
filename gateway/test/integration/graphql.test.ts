import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { voterNumber } from '@votestream/schema/numbers'
import { parse, validate } from 'graphql'
import { GRAPHIQL_TABS } from '../../src/graphql/graphiql-tabs.js'
import { emitGraphqlSchema } from '../../src/graphql-schema.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const contestants = ['Ada', 'Grace'].map((name) => ({
  name,
  description: name,
  imageUrl: 'https://a.example/1.jpg',
}))
const SUBMIT = 'mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
const RESPONSE_TYPE = 'application/graphql-response+json'

describe('GraphQL over HTTP', () => {
  let gateway: TestGateway
  let eventId: string
  let contestantId: string
  before(async () => {
    gateway = await startTestGateway()
    const event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants,
      opensAtMs: null,
      closesAtMs: null,
    })
    eventId = event.id
    contestantId = event.contestantIds[0] ?? ''
  })
  after(() => gateway.stop())

  const post = (payload: object | string, headers: Record<string, string> = {}) =>
    gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      payload,
      headers: { 'content-type': 'application/json', ...headers },
    })
  const get = (query: string, headers: Record<string, string> = {}) =>
    gateway.app.inject({ url: `/graphql?query=${encodeURIComponent(query)}`, headers })
  const token = (voter = 9) => ({ authorization: `Bearer ${gateway.userToken(voter)}` })
  const nested = (depth: number) =>
    `{ __schema ${'{ types { fields { type '.repeat(depth)}{ name }${' } } }'.repeat(depth)} }`
  const many = (fields: number) =>
    `{ ${Array.from({ length: fields }, (_, index) => `f${index}: __typename`).join(' ')} }`
  const doubling = (levels: number) => {
    const fragments = Array.from(
      { length: levels },
      (_, index) => `fragment F${index} on User { ...F${index + 1} ...F${index + 1} }`,
    )
    return `{ me { ...F0 } } ${fragments.join(' ')} fragment F${levels} on User { id }`
  }

  it('reads the document of an address as it is run, also where somebody else would not decode it', async () => {
    const deep = encodeURIComponent(`${'{a'.repeat(300)}${'}'.repeat(300)}#`)
    const answer = await gateway.app.inject({
      url: `/graphql?query=${deep}%ZZ`,
      headers: { 'apollo-require-preflight': 'yes' },
    })
    assert.equal(answer.statusCode, 400)
    assert.deepEqual(answer.json().errors[0].message, 'A document may have brackets 250 deep.')
  })

  it('works without a token where none is needed, and with either kind of answer', async () => {
    const plain = await post({ query: '{ __typename }' })
    assert.deepEqual([plain.statusCode, plain.json()], [200, { data: { __typename: 'Query' } }])
    assert.match(String(plain.headers['content-type']), /^application\/json/)
    const modern = await post({ query: '{ __typename }' }, { accept: RESPONSE_TYPE })
    assert.match(String(modern.headers['content-type']), /^application\/graphql-response\+json/)
  })

  it('refuses a bad request with the status of the specification and a code, and writes nothing', async () => {
    const before = await gateway.written()
    gateway.submissions.length = 0
    const input = { eventId, contestantId }
    const query = '{ __typename }'
    const expired = gateway.tokens.issue({ voter: voterNumber(9), scopes: ['votes'], ttlSeconds: -1 })
    const refused: [string, ReturnType<typeof post>, number, string][] = [
      ['no JSON', post('{', token()), 400, 'INVALID_JSON'],
      ['nothing', post({}, token()), 400, 'INVALID_REQUEST'],
      ['a list', post([{ query }], token()), 400, 'INVALID_REQUEST'],
      ['no text', post({ query: 12 }, token()), 400, 'INVALID_REQUEST'],
      ['plain text', post(query, { 'content-type': 'text/plain' }), 415, 'UNSUPPORTED_MEDIA_TYPE'],
      ['no document', post({ query: '{' }, token()), 400, 'GRAPHQL_PARSE_FAILED'],
      ['an unknown field', post({ query: '{ nothing }' }, token()), 400, 'GRAPHQL_VALIDATION_FAILED'],
      [
        'an unknown operation',
        post({ query: 'query A { __typename }', operationName: 'B' }),
        400,
        'OPERATION_RESOLUTION_FAILURE',
      ],
      ['too deep', post({ query: nested(9) }), 400, 'GRAPHQL_VALIDATION_FAILED'],
      ['too much', post({ query: many(1_001) }), 400, 'GRAPHQL_VALIDATION_FAILED'],
      ['doubling', post({ query: doubling(40) }), 400, 'GRAPHQL_VALIDATION_FAILED'],
      ['too many words', post({ query: many(6_001) }), 400, 'GRAPHQL_PARSE_FAILED'],
      [
        'a subscription',
        post({ query: `subscription { leaderboardChanged(eventId: "${eventId}") { version } }` }),
        400,
        'INVALID_REQUEST',
      ],
      [
        'a wrong variable',
        post({ query: SUBMIT, variables: { input: { ...input, meta: 'x' } } }, token()),
        400,
        'INVALID_FIELDS',
      ],
      ['a bad token', post({ query }, { authorization: 'Bearer nonsense' }), 401, 'UNAUTHENTICATED'],
      ['an expired token', post({ query }, { authorization: `Bearer ${expired}` }), 401, 'UNAUTHENTICATED'],
      ['no bearer', post({ query }, { authorization: 'Basic x' }), 401, 'UNAUTHENTICATED'],
      [
        'a mutation by GET',
        get(
          `mutation { submitVote(input: { eventId: "${eventId}", contestantId: "${contestantId}" }) { id } }`,
          { ...token(), 'apollo-require-preflight': 'x' },
        ),
        405,
        'METHOD_NOT_ALLOWED',
      ],
      ['a query that another site can send', get(query, token()), 400, 'INVALID_REQUEST'],
      ['a host that is none', post({ query }, { host: 'a b' }), 400, 'INVALID_REQUEST'],
      [
        'a key that is none',
        post({ query: SUBMIT, variables: { input } }, { ...token(), 'idempotency-key': 'é' }),
        200,
        'INVALID_FIELDS',
      ],
      ['no token', post({ query: SUBMIT, variables: { input } }), 200, 'UNAUTHENTICATED'],
    ]
    for (const [name, answered, status, code] of refused) {
      const answer = await answered
      const { data, errors } = answer.json()
      assert.equal(answer.statusCode, status, `${name}: ${answer.body}`)
      assert.equal(errors[0].extensions.code, code, `${name}: ${answer.body}`)
      assert.ok(data == null, name)
      assert.ok(errors[0].message && !answer.body.includes('stacktrace'), name)
    }
    assert.equal(gateway.submissions.length, 0)
    assert.equal(await gateway.written(), before)
  })

  it('names the fields that are of a wrong type, as the input names them', async () => {
    const answer = await post(
      {
        query:
          'mutation ($input: CreateEventInput!, $id: ID!) { createEvent(input: $input) { id } closeEvent(id: $id) { id } }',
        variables: {
          input: {
            contestants: [{ name: 'A', description: 'a', imageUrl: 'x' }, { name: 7 }],
            opensAt: 'soon',
            more: 1,
          },
        },
      },
      token(),
    )
    assert.equal(answer.statusCode, 400)
    const { fields } = answer.json().errors[0].extensions
    assert.deepEqual(fields.map(({ field }: { field: string }) => field).sort(), [
      'contestants[1].description',
      'contestants[1].imageUrl',
      'contestants[1].name',
      'id',
      'more',
      'name',
      'opensAt',
    ])
    assert.ok(!answer.body.includes('soon'))
    // An input of which nothing is required can only be of a wrong type as a whole.
    for (const input of [[], 7, 'a', true]) {
      const query = 'mutation ($input: RevokeTokensInput!) { revokeTokens(input: $input) }'
      const refused = await post({ query, variables: { input } }, token())
      assert.deepEqual(refused.json().errors[0].extensions, {
        code: 'INVALID_FIELDS',
        fields: [{ field: 'input', message: 'must be a RevokeTokensInput' }],
      })
    }
  })

  it('lets a query through by GET, and one that was stored by its hash', async () => {
    const preflighted = { 'apollo-require-preflight': 'yes' }
    const answer = await get('{ __typename }', preflighted)
    assert.deepEqual(answer.json(), { data: { __typename: 'Query' } })
    const query = '{ stored: __typename }'
    const sha256Hash = createHash('sha256').update(query).digest('hex')
    const extensions = { persistedQuery: { version: 1, sha256Hash } }
    const unknown = await post({ extensions })
    assert.equal(unknown.json().errors[0].extensions.code, 'PERSISTED_QUERY_NOT_FOUND')
    assert.deepEqual((await post({ query, extensions })).json(), { data: { stored: 'Query' } })
    assert.deepEqual((await post({ extensions })).json(), { data: { stored: 'Query' } })
  })

  it('keeps a vote’s attempt and trace as REST does', async () => {
    gateway.submissions.length = 0
    const variables = {
      input: {
        eventId,
        contestantId,
        clientTimestamp: '2026-05-16T22:15:30.123+02:00',
        meta: { deviceId: 'phone', appVersion: '4.2.0' },
      },
    }
    const headers = {
      ...token(),
      'idempotency-key': 'once',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    }
    await post({ query: SUBMIT, variables }, headers)
    await gateway.app.inject({
      method: 'POST',
      url: '/v1/vote/submit',
      headers,
      payload: {
        user_id: gateway.ids.userId(voterNumber(9)),
        event_id: eventId,
        contestant_id: contestantId,
        client_timestamp: '2026-05-16T22:15:30.123+02:00',
        meta: { device_id: 'phone', app_version: '4.2.0' },
      },
    })
    const [graphql, rest] = gateway.submissions
    assert.deepEqual({ ...graphql, channel: 0 }, { ...rest, channel: 0 })
    assert.deepEqual([graphql?.channel, rest?.channel], [2, 1])
  })

  it('says what is wrong with a persisted query, and with a document that is too long', async () => {
    const query = '{ __typename }'
    const sha256Hash = createHash('sha256').update(query).digest('hex')
    const faults = [
      { version: 1, sha256Hash: '0'.repeat(64) },
      { version: 1, sha256Hash: 5 },
      { version: 2, sha256Hash },
    ]
    for (const persistedQuery of faults) {
      const answer = await post({ query, extensions: { persistedQuery } })
      assert.equal(answer.statusCode, 400)
      assert.equal(answer.json().errors[0].extensions.code, 'INVALID_REQUEST', answer.body)
      assert.notEqual(answer.json().errors[0].message, 'Something went wrong on our side.')
    }
    const long = await post({ query: `${query} #${'x'.repeat(3 * 1024 * 1024)}` })
    assert.equal(long.statusCode, 413)
    assert.equal(long.json().errors[0].extensions.code, 'PAYLOAD_TOO_LARGE')
  })

  it('takes the four fields of a request, and refuses any other by its name', async () => {
    const query = '{ __typename }'
    for (const more of [
      {},
      { operationName: null, variables: null, extensions: null },
      { operationName: undefined, variables: {}, extensions: { clientLibrary: { name: 'a', version: '1' } } },
    ]) {
      assert.deepEqual((await post({ query, ...more })).json(), { data: { __typename: 'Query' } })
    }
    for (const field of ['variable', 'id', 'documentId', 'operationType', 'constructors', '']) {
      const answer = await post({ query, [field]: 'x', another: 1 })
      assert.equal(answer.statusCode, 400)
      const { code, fields } = answer.json().errors[0].extensions
      assert.equal(code, 'INVALID_FIELDS')
      assert.deepEqual(
        fields.map((fault: { field: string }) => fault.field),
        [field, 'another'],
      )
    }
  })

  describe('of documents that are deep, at the highest limits', () => {
    let wide: TestGateway
    before(async () => {
      wide = await startTestGateway({
        documentLimits: {
          ...{ depthMax: 100, fieldsMax: 10_000, aliasesMax: 10_000, directivesMax: 1_000 },
          ...{ costMax: 1_000_000, tokensMax: 100_000 },
        },
      })
    })
    after(() => wide.stop())

    const nest = (levels: number, open: string, inner: string, close: string) =>
      `${open.repeat(levels)}${inner}${close.repeat(levels)}`
    const shapes: Record<string, (levels: number) => string> = {
      fields: (levels) => nest(levels, '{ a ', '', '}'),
      'fields of the schema': (levels) => `{ events ${nest(levels, '{ nodes { ', 'id', '} }')} }`,
      'fragments without a name': (levels) => `{ ${nest(levels, '... { ', '__typename', '} ')} }`,
      'fragments of fragments': (levels) =>
        `{ ...F0 } ${Array.from({ length: levels }, (_, at) => `fragment F${at} on Query { ...F${at + 1} }`).join(' ')} fragment F${levels} on Query { __typename }`,
      'lists in an argument': (levels) => `{ event(id: ${nest(levels, '[', '', ']')}) { id } }`,
      'objects in an argument': (levels) =>
        `mutation { submitVote(input: ${nest(levels, '{ a: ', '1', '}')}) { id } }`,
      'lists in a variable’s type': (levels) =>
        `query ($a: ${nest(levels, '[', 'Int', ']')}) { __typename @skip(if: $a) }`,
      'lists in a default': (levels) =>
        `query ($a: Int = ${nest(levels, '[', '', ']')}) { __typename @skip(if: $a) }`,
    }
    for (const [shape, text] of Object.entries(shapes)) {
      it(`none is a fault of ours, and no stack is told of: ${shape}`, async () => {
        for (const levels of [60, 120, 249, 251, 998, 1_001, 3_000, 5_000, 9_000, 30_000]) {
          const answer = await wide.app.inject({
            method: 'POST',
            url: '/graphql',
            payload: { query: text(levels) },
            headers: { authorization: `Bearer ${wide.userToken(9)}` },
          })
          assert.ok([200, 400].includes(answer.statusCode), `${levels}: ${answer.body.slice(0, 300)}`)
          assert.doesNotMatch(answer.body, /call stack|INTERNAL/, `${levels}`)
        }
      })
    }
  })

  it('answers one operation with a bounded number of timelines and lists', async () => {
    const times = (count: number, of: string) =>
      post(
        { query: `{ ${Array.from({ length: count }, (_, index) => `f${index}: ${of}`).join(' ')} }` },
        token(),
      )
    let asked = 0
    gateway.timeline = async () => {
      asked += 1
      return []
    }
    const timeline = `event(id: "${eventId}") { timeline(window: MINUTE) { votes } }`
    assert.equal((await times(20, timeline)).json().errors, undefined)
    asked = 0
    const refused = (await times(190, timeline)).json().errors
    assert.equal(refused[0].extensions.code, 'INVALID_REQUEST')
    assert.equal(refused[0].message, 'One operation may not read so much.')
    assert.ok(asked <= 50, `${asked} timelines`)
    const lists = (await times(200, 'events(first: 100) { nodes { contestants { id } } }')).json().errors
    assert.equal(lists[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED')
    assert.match(lists[0].message, /lists of lists/)
    for (const [document, limit] of [
      [`{ ${Array.from({ length: 201 }, (_, at) => `a${at}: __typename`).join(' ')} }`, /200 aliases/],
      [`{ me { id ${'@include(if: true) '.repeat(51)} } }`, /50 directives/],
    ] as const) {
      assert.match((await post({ query: document }, token())).json().errors[0].message, limit)
    }
  })

  it('tells nobody what nobody foresaw', async () => {
    gateway.board = () => Promise.reject(new Error('the password is 1234'))
    const answer = await post({ query: `{ leaderboard(eventId: "${eventId}") { version } }` }, token())
    assert.equal(answer.json().errors[0].extensions.code, 'INTERNAL')
    assert.ok(!answer.body.includes('1234'))
  })

  it('lists all events in pages, the newest first', async () => {
    for (const name of ['B', 'C', 'D', 'E']) {
      await gateway.events.create(callerOf(7), { name, contestants, opensAtMs: null, closesAtMs: null })
    }
    const query =
      'query ($after: String) { events(first: 2, after: $after) { nodes { name } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }'
    const pages: string[][] = []
    let after: string | null = null
    do {
      const answer = await post({ query, variables: { after } }, token())
      const { nodes, edges, pageInfo } = answer.json().data.events
      pages.push(nodes.map(({ name }: { name: string }) => name))
      assert.equal(pageInfo.hasPreviousPage, after !== null)
      assert.deepEqual([pageInfo.startCursor, pageInfo.endCursor], [edges[0].cursor, edges.at(-1).cursor])
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null
    } while (after !== null)
    assert.deepEqual(pages, [['E', 'D'], ['C', 'B'], ['The Grand Final']])
    const codeOf = async (of: string) =>
      (await post({ query: `{ ${of} { nodes { id } } }` }, token())).json().errors[0].extensions
    assert.equal((await codeOf('events(first: 0)')).code, 'INVALID_FIELDS')
    assert.deepEqual((await codeOf('events(first: 101)')).fields, [
      { field: 'first', message: 'must be from 1 to 100' },
    ])
    assert.equal((await codeOf('events(after: "x")')).code, 'INVALID_ID')
  })

  it('shows a page to try it on, with questions that the schema can answer, from this host alone', async () => {
    const page = await gateway.app.inject({ url: '/graphiql' })
    assert.equal(page.statusCode, 200)
    assert.doesNotMatch(page.body, /https?:\/\//)
    for (const [, asset = ''] of page.body.matchAll(/"(\/graphiql\/static\/[\w.]+)"/g)) {
      assert.equal((await gateway.app.inject({ url: asset })).statusCode, 200, asset)
    }
    assert.equal((await gateway.app.inject({ url: '/graphiql/static/nothing.js' })).statusCode, 404)
    const { buildSchema } = await import('graphql')
    const schema = buildSchema(emitGraphqlSchema())
    for (const { title, query } of GRAPHIQL_TABS) assert.deepEqual(validate(schema, parse(query)), [], title)
  })
})
