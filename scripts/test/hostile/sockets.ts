import { randomBytes } from 'node:crypto'
import { voterNumber } from '@votestream/schema/numbers'
import { type Attack, type Place, voteOperation } from './place.js'

const WATCH = 'subscription($id: ID!) { leaderboardChanged(eventId: $id) { version } }'

/** No question that the schema can answer is as deep. */
const TOO_DEEP = `{ ${'a { '.repeat(49)}a${' }'.repeat(49)} }`

const init = (place: Place, token = place.voter().token) => ({
  type: 'connection_init',
  payload: { Authorization: `Bearer ${token}` },
})
const subscribe = (id: string, query: string, variables: object = {}) => ({
  id,
  type: 'subscribe',
  payload: { query, variables },
})
const watch = ({ event }: Place, id = 'a') => subscribe(id, WATCH, { id: event.id })

const messages = (name: string, expect: string, of: (place: Place) => readonly unknown[]): Attack => ({
  name,
  expect,
  send: (place) => place.socket(of(place)),
})

const refusedOperation = (
  name: string,
  expect: Attack['expect'],
  of: (place: Place) => readonly unknown[],
): Attack => ({
  name,
  expect,
  send: (place) => place.socket(of(place), { until: 'code' }),
})

/** A frame as a client sends it (RFC 6455). @param first FIN, reserved bits and opcode */
const frame = (first: number, payload: Buffer, isMasked = true): Buffer => {
  const mask = isMasked ? randomBytes(4) : Buffer.alloc(0)
  const body = isMasked ? payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)) : payload
  return Buffer.concat([Buffer.from([first, (isMasked ? 0x80 : 0) | payload.length]), mask, body])
}

const upgradeTo = ({ port }: Place): string =>
  [
    'GET /graphql HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    '',
    '',
  ].join('\r\n')

/** An upgrade, and then bytes as they are: the code of the frame with which the other side closes. */
const frames = (name: string, expect: string, ...sent: readonly Buffer[]): Attack => ({
  name,
  expect,
  async send(place) {
    const came = await place.exchange(Buffer.concat([Buffer.from(upgradeTo(place)), ...sent]))
    const bytes = Buffer.from(came.slice(came.indexOf('\r\n\r\n') + 4), 'latin1')
    return bytes[0] === 0x88 ? String(bytes.readUInt16BE(2)) : `no close, but ${bytes.toString('hex')}`
  },
})

const TEXT = 0x81
const PING = 0x89
const JSON_INIT = Buffer.from('{"type":"connection_init"}')

export const socketAttacks: readonly Attack[] = [
  messages('a socket that says nothing', '4408', () => []),
  messages('a message that is no JSON', '4400', () => ['{']),
  messages('a message of no kind', '4400', () => [{ type: 'hack' }]),
  messages('a message that only a server sends', '4400', (place) => [
    init(place),
    { type: 'next', id: 'a', payload: {} },
  ]),
  messages('bytes instead of text', '1003', (place) => [Buffer.from(JSON.stringify(init(place)))]),
  messages('an operation before the beginning', '4401', (place) => [watch(place)]),
  messages('two beginnings', '4429', (place) => [init(place), init(place)]),
  messages('one identifier for two operations', '4409', (place) => [init(place), watch(place), watch(place)]),
  messages('a message of 1 MB', '1009', (place) => [init(place), 'x'.repeat(1024 * 1024)]),
  messages('a token that is none', '4403', (place) => [init(place, 'nonsense')]),
  {
    name: 'a socket without a protocol',
    expect: '4406',
    send: (place) => place.socket([], { protocols: [] }),
  },
  {
    name: 'a socket where none is',
    expect: '404',
    send: (place) => place.socket([], { path: '/v1/vote/submit' }),
  },
  {
    name: 'a page of another origin',
    expect: '403',
    send: (place) => place.socket([], { headers: { origin: 'https://evil.example' } }),
  },
  {
    name: 'a page of no origin',
    expect: '403',
    send: (place) => place.socket([], { headers: { origin: 'null' } }),
  },
  {
    name: 'a token that expires while it is followed',
    expect: '4403',
    async send(place) {
      const token = place.system.tokens.issue({
        voter: voterNumber(3),
        scopes: ['results:read'],
        ttlSeconds: 1,
      })
      return place.socket([init(place, token), watch(place)])
    },
  },
  refusedOperation('the status of a vote that somebody else cast, on a socket', 'VOTE_NOT_FOUND', (place) => [
    init(place),
    subscribe('a', 'subscription($id: ID!) { voteStatusChanged(voteId: $id) { status } }', {
      id: place.system.ids.voteId(place.event.number, voterNumber(1)),
    }),
  ]),
  refusedOperation('a vote of somebody who may only look', 'WRONG_SCOPE', (place) => [
    init(place, place.viewer),
    { id: 'a', type: 'subscribe', payload: voteOperation(place) },
  ]),
  {
    name: 'a query 50 deep, on a socket',
    expect: 'An operation may be 20 deep.',
    send: (place) =>
      place.socket([init(place), subscribe('a', TOO_DEEP)], {
        until: 'sentence',
      }),
  },
  refusedOperation(
    'a subscription that a variable leaves out, on a socket',
    'GRAPHQL_VALIDATION_FAILED',
    (place) => [
      init(place),
      subscribe(
        'a',
        'subscription($a: Boolean!) { leaderboardChanged(eventId: "a") @skip(if: $a) { version } }',
        { a: true },
      ),
    ],
  ),
  refusedOperation(
    'a subscription that leaves itself out, on a socket',
    'GRAPHQL_VALIDATION_FAILED',
    (place) => [
      init(place),
      subscribe(
        'a',
        'subscription($id: ID!) { leaderboardChanged(eventId: $id) @skip(if: true) { version } }',
        {
          id: place.event.id,
        },
      ),
    ],
  ),
  refusedOperation('the schema, on a socket', 'GRAPHQL_VALIDATION_FAILED', (place) => [
    init(place),
    subscribe('a', '{ __schema { types { name } } }'),
  ]),
  refusedOperation('a field beside those of an operation, on a socket', 'INVALID_FIELDS', (place) => [
    init(place),
    { id: 'a', type: 'subscribe', payload: { ...voteOperation(place), isAdmin: true } },
  ]),
  refusedOperation('more operations at once than a socket may have', 'RATE_LIMITED', (place) => [
    init(place),
    ...Array.from({ length: 101 }, (_, at) => watch(place, String(at))),
  ]),
  frames('a frame that is not masked', '1002', frame(TEXT, JSON_INIT, false)),
  frames('a frame with a reserved bit', '1002', frame(TEXT | 0x40, JSON_INIT)),
  frames('a frame of a kind that there is not', '1002', frame(0x83, JSON_INIT)),
  frames('a ping in pieces', '1002', frame(PING & 0x7f, Buffer.from('a'))),
  frames('a text that is no UTF-8', '1007', frame(TEXT, Buffer.from([0xff, 0xfe]))),
  frames('a piece of nothing', '1002', frame(0x80, JSON_INIT)),
  {
    name: 'somebody who stops in the middle of a frame holds nothing up',
    expect: 'An operation may be 20 deep.',
    async send(place) {
      const half = place.exchange(
        Buffer.concat([Buffer.from(upgradeTo(place)), frame(TEXT, JSON_INIT).subarray(0, 9)]),
      )
      try {
        return await place.socket([init(place), subscribe('a', TOO_DEEP)], { until: 'sentence' })
      } finally {
        await half
      }
    },
  },
]
