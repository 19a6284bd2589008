import { type GraphQLSchema, OperationTypeNode } from 'graphql'
import type { Place } from '../hostile/place.js'
import { type Caller, callerOf, idOf } from './callers.js'
import { type Draw, inAddress } from './draw.js'
import { type GraphqlRequest, graphqlRequest, type KnownInputs } from './graphql-documents.js'
import { bytesOf } from './json-values.js'
import type { RawRequest } from './raw-exchange.js'

const { QUERY, MUTATION, SUBSCRIPTION } = OperationTypeNode

export const knownInputs = (draw: Draw, place: Place, { userId }: Caller): KnownInputs => {
  const { ids } = place.system
  const event = (): string => idOf(draw, place, place.event.id)
  const voter = ids.parseUserId(userId)
  const vote = (): string => idOf(draw, place, voter ? ids.voteId(place.event.number, voter) : '')
  return {
    // What is closed takes no votes: only the other event is.
    id: (field) => (field === 'vote' ? vote() : field === 'closeEvent' ? place.other.id : event()),
    eventId: event,
    contestantId: () => idOf(draw, place, draw.pick(place.event.contestantIds)),
    voteId: vote,
    username: () => `user${draw.number(10_000)}`,
    password: () => 'a long and rare pass phrase',
    email: () => 'somebody@example.org',
    name: () => `name ${draw.number(100_000)}`,
    imageUrl: () => 'https://a.example/1.jpg',
    closesAt: () => '2190-01-01T00:00:00Z',
    first: () => 1 + draw.number(100),
    last: () => 1 + draw.number(1_000),
  }
}

/** What a client sends as an operation: with names and extensions that fit, or do not. */
export const payloadOf = (draw: Draw, request: GraphqlRequest): Record<string, unknown> => ({
  ...request,
  ...(draw.chance(6) ? { variables: draw.pick([null, [], 'a', 1, draw.json()]) } : {}),
  ...(draw.chance(10) ? { operationName: draw.pick(['A', 'B', '', 1, null, draw.json()]) } : {}),
  ...(draw.chance(10) ? { extensions: draw.pick(EXTENSIONS) } : {}),
  ...(draw.chance(3)
    ? { query: draw.pick(['', '{', 1, null, draw.text(100), '#', '\ufeff{ me { id } }']) }
    : {}),
  ...(draw.chance(3) ? { [draw.text(10)]: draw.json() } : {}),
})

const EXTENSIONS: readonly unknown[] = [
  null,
  1,
  [],
  {},
  { persistedQuery: null },
  { persistedQuery: { version: 1, sha256Hash: 'a' } },
  { persistedQuery: { version: 9, sha256Hash: 1 } },
  { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } },
]

export const graphqlOverHttp = (draw: Draw, place: Place, schema: GraphQLSchema): RawRequest => {
  const caller = callerOf(draw, place)
  const kind = draw.pick([QUERY, QUERY, QUERY, MUTATION, MUTATION, SUBSCRIPTION])
  const payload = payloadOf(draw, graphqlRequest(draw, schema, kind, knownInputs(draw, place, caller)))
  const headers: [string, string][] = [
    ...(caller.authorization === undefined
      ? []
      : [['Authorization', caller.authorization] as [string, string]]),
    ...(draw.chance(5) ? [['Accept', draw.pick(ACCEPTS)] as [string, string]] : []),
  ]
  const type = draw.chance(96)
    ? 'application/json'
    : draw.pick(['text/plain', '', 'application/graphql', 'application/json; charset=x'])
  headers.push(['Content-Type', type])
  if (draw.chance(85)) {
    const body = draw.chance(97) ? payload : draw.pick([[payload], [payload, payload], [], null, 'a'])
    if (draw.chance(5)) headers.push(['Idempotency-Key', draw.text(20).replace(/[^\x21-\x7e]/g, '')])
    return { method: 'POST', path: '/graphql', headers, body: bytesOf(draw, body) }
  }
  const asked = Object.entries(payload).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return `${inAddress(name)}=${inAddress(text)}`
  })
  return { method: 'GET', path: `/graphql?${asked.join('&')}`, headers, body: undefined }
}

const ACCEPTS = [
  'application/graphql-response+json',
  'text/event-stream',
  'multipart/mixed',
  'text/html',
  'multipart/mixed;deferSpec=20220824, application/json',
  '',
]

/** What is sent on a socket, one after the other, by somebody who may not write. */
export const socketMessages = (draw: Draw, place: Place, schema: GraphQLSchema): (string | Buffer)[] => {
  const viewer = { userId: '', authorization: `Bearer ${place.viewer}` }
  const voter = { ...place.voter() }
  const isVoter = draw.chance(50)
  const kinds = isVoter ? [QUERY, SUBSCRIPTION] : [QUERY, SUBSCRIPTION, MUTATION]
  const known = knownInputs(draw, place, isVoter ? { ...viewer, userId: voter.userId } : viewer)
  const authorization = isVoter ? `Bearer ${voter.token}` : viewer.authorization
  const init = (): unknown => ({
    type: 'connection_init',
    payload: draw.chance(90) ? { Authorization: authorization } : draw.json(),
  })
  const id = (): unknown =>
    draw.chance(90) ? `i${draw.number(4)}` : draw.pick(['', 1, null, draw.text(300)])
  const request = (): GraphqlRequest => graphqlRequest(draw, schema, draw.pick(kinds), known)
  // Most of what is wrong ends a socket before the answer to anything on it: some make no mistake but in their documents.
  const isPolite = draw.chance(50)
  if (isPolite) {
    const operations = Array.from({ length: 1 + draw.number(6) }, (_, at) => ({
      id: `i${at}`,
      type: 'subscribe',
      payload: request(),
    }))
    const connection = { type: 'connection_init', payload: { Authorization: authorization } }
    return [connection, ...operations].map((message) => JSON.stringify(message))
  }
  const ways: (() => unknown)[] = [
    ...Array.from({ length: 6 }, () => () => ({
      id: id(),
      type: 'subscribe',
      payload: payloadOf(draw, request()),
    })),
    () => ({ type: 'ping', ...(draw.chance(50) ? { payload: draw.json() } : {}) }),
    () => ({ type: 'pong', payload: draw.json() }),
    () => ({ id: id(), type: 'complete' }),
    () => ({
      id: id(),
      type: draw.pick(['next', 'error', 'start', 'connection_ack', '', 1]),
      payload: draw.json(),
    }),
    () => ({ id: id(), type: 'subscribe', payload: draw.json() }),
    init,
    () => draw.json(),
  ]
  const messages = Array.from({ length: 1 + draw.number(8) }, () => draw.pick(ways)())
  if (draw.chance(85)) messages.unshift(init())
  return messages.map((message) => {
    if (draw.chance(96)) return JSON.stringify(message) ?? ''
    return draw.pick([draw.bytes(50), bytesOf(draw, message), bytesOf(draw, message).toString('latin1')])
  })
}
