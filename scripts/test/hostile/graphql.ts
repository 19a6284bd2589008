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

/** A document that one limit alone refuses: any other fault would have the same code, so it is the sentence that tells. */
const tooMuch = (name: string, told: RegExp, text: string): Attack => ({
  name,
  expect: 'told of what',
  async send(place) {
    const { token } = place.voter()
    const { status, body } = await place.ask({ path: '/graphql', token, body: { query: text } })
    return status === 400 && told.test(body) ? 'told of what' : `${status} ${body.slice(0, 200)}`
  },
})

const INVALID = '400 GRAPHQL_VALIDATION_FAILED'

/** No question that the schema can answer is as deep: how deep it is is looked at first. */
const nested = (levels: number): string => `{ ${'a { '.repeat(levels - 1)}a${' }'.repeat(levels - 1)} }`
const times = (count: number, text: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => text(at)).join(' ')

const mutationByGet = (name: string, own: (place: Place) => Record<string, string>): Attack => ({
  name,
  expect: '405 METHOD_NOT_ALLOWED',
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
  tooMuch('a query 50 deep', /may be 20 deep/, nested(50)),
  tooMuch('a query 2,500 deep', /brackets 250 deep/, nested(2_500)),
  tooMuch('a query 100,000 deep', /brackets 250 deep/, nested(100_000)),
  tooMuch(
    'a type of 4,000 lists',
    /brackets 250 deep/,
    `query ($a: ${'['.repeat(4_000)}Int${']'.repeat(4_000)}) { __typename @skip(if: $a) }`,
  ),
  tooMuch('1,001 fields', /may have 1000 fields/, `{ ${times(1_001, () => '__typename')} }`),
  tooMuch('201 aliases', /may have 200 aliases/, `{ ${times(201, (at) => `a${at}: __typename`)} }`),
  tooMuch('10,000 tokens', /more that 9000 tokens/, `{ ${'__typename '.repeat(10_000)} }`),
  tooMuch('51 directives', /may have 50 directives/, `{ ${times(51, () => '__typename @skip(if: false)')} }`),
  query('1,000 directives on one field', INVALID, `{ me { id ${'@include(if: true) '.repeat(1_000)} } }`),
  query('a fragment within itself', INVALID, '{ me { ...A } } fragment A on User { id ...A }'),
  query(
    'fragments in a circle',
    INVALID,
    '{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }',
  ),
  tooMuch(
    'fragments that double at each step',
    /may have 1000 fields/,
    `{ me { ...F0 } } ${times(30, (at) => `fragment F${at} on User { ...F${at + 1} ...F${at + 1} }`)} fragment F30 on User { id }`,
  ),
  tooMuch(
    'lists within lists',
    /may cost 50000/,
    `{ events(first: 100) { nodes { ${times(20, (at) => `l${at}: leaderboard { standings { contestant { id totalVotes } } }`)} } } }`,
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
  operation('a list of operations', '400 INVALID_REQUEST', (place) => [
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
    '415 UNSUPPORTED_MEDIA_TYPE',
    (place) => JSON.stringify(voteOperation(place)),
    {
      'content-type': 'text/plain',
    },
  ),
  operation('a mutation as a form', '415 UNSUPPORTED_MEDIA_TYPE', () => 'query=mutation', {
    'content-type': 'application/x-www-form-urlencoded',
  }),
  operation('a subscription over HTTP', '400 INVALID_REQUEST', ({ event }) => ({
    query: 'subscription($id: ID!) { leaderboardChanged(eventId: $id) { version } }',
    variables: { id: event.id },
  })),
  operation('an operation that is not in the document', '400 OPERATION_RESOLUTION_FAILURE', () => ({
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
  operation('a hash that nobody stored', '200 PERSISTED_QUERY_NOT_FOUND', () => ({
    extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } },
  })),
  operation('variables with __proto__', '400 INVALID_JSON', (place) =>
    JSON.stringify(voteOperation(place)).replace('"input":{', '"input":{"__proto__":{"eventId":"x"},'),
  ),
  operation('variables with two fields of one name', '400 INVALID_JSON', (place) =>
    JSON.stringify(voteOperation(place)).replace('"input":{', `"input":{"eventId":"${place.other.id}",`),
  ),
  operation('a vote with a field of somebody else', '400 INVALID_FIELDS', (place) => {
    const { query: text, variables } = voteOperation(place) as {
      query: string
      variables: { input: object }
    }
    return { query: text, variables: { input: { ...variables.input, userId: place.voter().userId } } }
  }),
  operation('an identifier that is a number beyond all', '200 INVALID_ID', () => ({
    query: 'query($id: ID!) { event(id: $id) { id } }',
    variables: { id: Number.MAX_SAFE_INTEGER },
  })),
]
