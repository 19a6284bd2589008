import { type Attack, type Place, VOTE_MUTATION, voteOperation } from './place.js'

const operation = (
  name: string,
  expect: Attack['expect'],
  bodyOf: (place: Place) => unknown,
  headers: Readonly<Record<string, string>> = {},
): Attack => ({
  name,
  expect,
  send: (place) => place.graphql(bodyOf(place), { token: place.voter().token, headers }),
})

const query = (name: string, expect: Attack['expect'], text: string): Attack =>
  operation(name, expect, () => ({ query: text }))

/** What a document that asks for too much is refused with. */
const TOO_MUCH = ['400 GRAPHQL_VALIDATION_FAILED', '400 GRAPHQL_PARSE_FAILED', '400 OPERATION_TOO_LARGE']
const INVALID = '400 GRAPHQL_VALIDATION_FAILED'

const nested = (levels: number): string =>
  `{ events { nodes ${'{ contestants { id } '.repeat(levels)}${'}'.repeat(levels)} } }`
const aliases = (count: number): string =>
  Array.from({ length: count }, (_, at) => `a${at}: me { id }`).join(' ')

const mutationByGet = (name: string, own: (place: Place) => Record<string, string>): Attack => ({
  name,
  expect: ['405 BAD_REQUEST', '405 METHOD_NOT_ALLOWED', '400 BAD_REQUEST', '405'],
  send(place) {
    const { query, variables } = voteOperation(place)
    const asked = new URLSearchParams({
      query: String(query),
      variables: JSON.stringify(variables),
      ...own(place),
    })
    return place.rest({
      method: 'GET',
      path: `/graphql?${asked}`,
      token: place.voter().token,
      headers: { 'content-type': 'application/json' },
    })
  },
})

export const graphqlAttacks: readonly Attack[] = [
  query('a query 50 deep', TOO_MUCH, nested(50)),
  query('a query 5,000 deep', TOO_MUCH, nested(5_000)),
  query('1,000 aliases', TOO_MUCH, `{ ${aliases(1_000)} }`),
  query('10,000 tokens', TOO_MUCH, `{ ${'__typename '.repeat(10_000)} }`),
  query('1,000 directives on one field', TOO_MUCH, `{ me { id ${'@include(if: true) '.repeat(1_000)} } }`),
  query('a fragment within itself', TOO_MUCH, '{ me { ...A } } fragment A on User { id ...A }'),
  query(
    'fragments in a circle',
    TOO_MUCH,
    '{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }',
  ),
  query(
    'fragments that double at each step',
    TOO_MUCH,
    `{ me { ...F0 } } ${Array.from({ length: 30 }, (_, at) => `fragment F${at} on User { ...F${at + 1} ...F${at + 1} }`).join(' ')} fragment F30 on User { id }`,
  ),
  query(
    'lists within lists',
    TOO_MUCH,
    `{ events(first: 100) { nodes { ${Array.from({ length: 20 }, (_, at) => `l${at}: leaderboard { standings { contestant { id totalVotes } } }`).join(' ')} } } }`,
  ),
  query(
    'a subscription that a variable leaves out',
    INVALID,
    'subscription($a: Boolean!) { leaderboardChanged(eventId: "a") @skip(if: $a) { version } }',
  ),
  query(
    'a subscription that a fragment in front of it leaves out',
    INVALID,
    'fragment A on Subscription { leaderboardChanged(eventId: "a") @ # a sign\n include(if: $a) { version } } subscription($a: Boolean!) { ...A }',
  ),
  query('the whole schema', INVALID, '{ __schema { types { name } } }'),
  query('one type', INVALID, '{ __type(name: "User") { name } }'),
  {
    name: 'a field that is nearly right: nobody is told which',
    expect: 'not told',
    async send(place) {
      const { body } = await place.ask({
        path: '/graphql',
        body: { query: '{ leaderboar(eventId: "a") { versio } }' },
      })
      return /did you mean/i.test(body) ? body : 'not told'
    },
  },
  {
    name: 'a variable that is nearly right: nobody is told which',
    expect: 'not told',
    async send(place) {
      const { variables } = voteOperation(place) as { variables: { input: object } }
      const input = { ...variables.input, eventIt: 'a' }
      const { body } = await place.ask({
        path: '/graphql',
        token: place.voter().token,
        body: { query: VOTE_MUTATION, variables: { input } },
      })
      return /did you mean/i.test(body) ? body : 'not told'
    },
  },
  operation('a list of operations', ['400 BAD_REQUEST', '400 INVALID_REQUEST'], (place) => [
    voteOperation(place),
    voteOperation(place),
  ]),
  mutationByGet('a mutation by GET', () => ({})),
  mutationByGet('a mutation by GET, named beside a query', (place) => ({
    query: `query Q { me { id } } ${String(voteOperation(place).query)}`,
    operationName: 'Vote',
  })),
  operation(
    'a mutation as text',
    ['400 BAD_REQUEST', '415 UNSUPPORTED_MEDIA_TYPE', '415'],
    (place) => JSON.stringify(voteOperation(place)),
    {
      'content-type': 'text/plain',
    },
  ),
  operation(
    'a mutation as a form',
    ['400 BAD_REQUEST', '415 UNSUPPORTED_MEDIA_TYPE', '415'],
    () => 'query=mutation',
    {
      'content-type': 'application/x-www-form-urlencoded',
    },
  ),
  operation('a subscription over HTTP', '400 INVALID_REQUEST', ({ event }) => ({
    query: 'subscription($id: ID!) { leaderboardChanged(eventId: $id) { version } }',
    variables: { id: event.id },
  })),
  operation('an operation that is not in the document', ['400 OPERATION_RESOLUTION_FAILURE'], () => ({
    query: 'query A { me { id } }',
    operationName: 'B',
  })),
  operation('two operations without a name', '400 GRAPHQL_VALIDATION_FAILED', () => ({
    query: '{ me { id } } { me { id } }',
  })),
  operation('a field beside those of a request', '400 INVALID_FIELDS', (place) => ({
    ...voteOperation(place),
    isAdmin: true,
  })),
  operation('no document', '400 INVALID_REQUEST', () => ({})),
  operation('a document that is a number', '400 INVALID_REQUEST', () => ({ query: 7 })),
  operation('variables that are a text', '400 INVALID_REQUEST', (place) => ({
    query: voteOperation(place).query,
    variables: 'x',
  })),
  operation(
    'a hash that nobody stored',
    ['200 PERSISTED_QUERY_NOT_FOUND', '400 PERSISTED_QUERY_NOT_FOUND'],
    () => ({
      extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } },
    }),
  ),
  operation('variables with __proto__', '400 INVALID_JSON', (place) =>
    JSON.stringify(voteOperation(place)).replace('"input":{', '"input":{"__proto__":{"eventId":"x"},'),
  ),
  operation('variables with two fields of one name', '400 INVALID_JSON', (place) =>
    JSON.stringify(voteOperation(place)).replace('"input":{', `"input":{"eventId":"${place.other.id}",`),
  ),
  operation(
    'a vote with a field of somebody else',
    ['200 BAD_USER_INPUT', '400 BAD_USER_INPUT', '400 INVALID_FIELDS'],
    (place) => {
      const { query: text, variables } = voteOperation(place) as {
        query: string
        variables: { input: object }
      }
      return { query: text, variables: { input: { ...variables.input, userId: place.voter().userId } } }
    },
  ),
  operation('an identifier that is a number beyond all', ['200 INVALID_ID', '400 BAD_USER_INPUT'], () => ({
    query: 'query($id: ID!) { event(id: $id) { id } }',
    variables: { id: Number.MAX_SAFE_INTEGER },
  })),
]
