import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { shardNumber, voterNumber } from '@votestream/schema/numbers'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { boardPart } from '@votestream/schema/votes'
import { type Client, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import type { Part } from '../../src/board.js'
import type { CatalogEvent } from '../../src/event-catalog.js'
import { CONNECTION_LIMITS, callerOf, PATIENCE, startTestGateway, type TestGateway } from './test-gateway.js'

const LOGIN =
  'mutation { login(username: "maria.keller", password: "correct horse") { token user { username } } }'
const WATCH =
  'subscription ($id: ID!) { leaderboardChanged(eventId: $id) { version totalVotes standings { rank contestant { id } totalVotes } } }'
const FOLLOW =
  'subscription ($id: ID!) { voteStatusChanged(voteId: $id) { id status reason event { name } } }'

const contestants = ['Ada', 'Grace'].map((name) => ({
  name,
  description: name,
  imageUrl: 'https://a.example/1.jpg',
}))

const urlOf = ({ app }: TestGateway): string => {
  const address = app.server.address()
  assert.ok(typeof address === 'object' && address)
  return `ws://127.0.0.1:${address.port}/graphql`
}

describe('GraphQL over WebSocket', () => {
  let gateway: TestGateway
  let url: string
  let event: CatalogEvent
  const clients: Client[] = []

  before(async () => {
    gateway = await startTestGateway()
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    url = urlOf(gateway)
    event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants,
      opensAtMs: null,
      closesAtMs: null,
    })
    await gateway.accounts.register(callerOf(undefined, ['accounts:register']), {
      username: 'Maria.Keller',
      password: 'correct horse',
      email: 'maria@example.com',
      dateOfBirth: '1990-05-17',
    })
  })
  after(async () => {
    for (const client of clients) await client.dispose()
    await gateway.stop()
  })

  const connect = (token?: string, lazy = true): Client => {
    const connectionParams = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, lazy })
    clients.push(client)
    return client
  }
  const ask = async (client: Client, query: string, variables: Record<string, unknown> = {}) => {
    for await (const result of client.iterate({ query, variables })) return result
    throw new Error('completed without an answer')
  }
  const codeOf = (result: { errors?: readonly { extensions?: { code?: unknown } }[] | undefined }) =>
    result.errors?.[0]?.extensions?.code
  const part = (sequence: number, totals: readonly number[]): Part => ({
    shard: shardNumber(0),
    generation: '2026-05-16T20:00:00Z',
    sequence,
    totals,
    ackedAtMs: 1_000,
  })

  it('answers queries and mutations, some without a token', async () => {
    const answer = await ask(connect(), LOGIN)
    const session = answer.data?.login as { token: string; user: { username: string } }
    assert.equal(session.user.username, 'Maria.Keller')
    const me = await ask(connect(session.token), '{ me { username } }')
    assert.deepEqual(me.data, { me: { username: 'Maria.Keller' } })
    assert.equal(codeOf(await ask(connect(), '{ me { id } }')), 'UNAUTHENTICATED')
  })

  it('refuses a subscription that may be left out, follows nothing for it, and goes on', async () => {
    let followed = 0
    gateway.parts = async () => {
      followed += 1
      return new Map()
    }
    const client = connect(gateway.userToken(9))
    const left = (condition: string) =>
      `subscription ($w: Boolean!, $id: ID!) { leaderboardChanged(eventId: $id) ${condition} { version } }`
    for (const condition of ['@include(if: $w)', '@skip(if: $w)', '@include(if: false)', '@skip(if: true)']) {
      for (const w of [false, true]) {
        const refused = await ask(client, `${left(condition)} # ${w}`, { w, id: event.id }).catch(
          (errors: { extensions?: { code?: unknown } }[]) => ({ errors }),
        )
        assert.equal(codeOf(refused), 'GRAPHQL_VALIDATION_FAILED', condition)
      }
    }
    assert.equal(followed, 0)
    assert.equal((await ask(client, '{ events { nodes { name } } }')).errors, undefined)
  })

  it('refuses a field of an operation that there is not, by its name', async () => {
    const client = connect(gateway.userToken(9))
    const asked = { query: '{ __typename }', variable: { id: event.id } }
    const refused = async () => {
      for await (const _result of client.iterate(asked)) assert.fail('was answered')
    }
    await assert.rejects(refused, (errors: { extensions: Record<string, unknown> }[]) => {
      assert.equal(errors[0]?.extensions.code, 'INVALID_FIELDS')
      assert.deepEqual(errors[0]?.extensions.fields, [
        { field: 'variable', message: 'is not a field of a GraphQL request' },
      ])
      return true
    })
    assert.deepEqual((await ask(client, '{ __typename }')).data, { __typename: 'Query' })
  })

  it('takes a vote with the attempt and the trace that the operation names', async () => {
    const client = connect(gateway.userToken(31))
    const query = 'mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
    const variables = { input: { eventId: event.id, contestantId: event.contestantIds[0] } }
    const extensions = {
      idempotencyKey: 'once',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    }
    gateway.submissions.length = 0
    for (let tries = 0; tries < 2; tries += 1) {
      for await (const { data } of client.iterate({ query, variables, extensions })) assert.ok(data)
    }
    const [first, second] = gateway.submissions
    assert.equal(first?.attempt, second?.attempt)
    assert.equal(first?.traceId, '4bf92f3577b34da6a3ce929d0e0e4736')
    assert.equal(first?.channel, 2)
  })

  it('shows the board as it is, then each later one, and never an older one', async () => {
    gateway.parts = async (events) => new Map(events.map((number) => [number, [part(5, [1, 0])]]))
    const boards = connect(gateway.userToken(9)).iterate<{
      leaderboardChanged: { version: number; totalVotes: number; standings: { contestant: { id: string } }[] }
    }>({ query: WATCH, variables: { id: event.id } })
    const next = async () => (await boards.next()).value?.data?.leaderboardChanged
    const first = await next()
    assert.deepEqual([first?.version, first?.totalVotes], [5, 1])
    const publish = (later: Part) =>
      gateway.nats.connection.publish(
        leaderboardSubject(event.record.number),
        boardPart.encode({ ...later, totals: [...later.totals], event: event.record.number }),
      )
    publish(part(4, [9, 9]))
    publish(part(7, [1, 3_000_000_000]))
    const second = await next()
    assert.deepEqual([second?.version, second?.totalVotes], [7, 3_000_000_001])
    assert.equal(second?.standings[0]?.contestant.id, event.contestantIds[1])
    await boards.return?.()
  })

  it('executes once what is asked for alike, by whoever may see the same', async () => {
    gateway.parts = async (events) => new Map(events.map((number) => [number, [part(50, [1, 0])]]))
    const spaced = WATCH.replaceAll('{ ', '{\n  # the board\n  ')
    const open: AsyncIterableIterator<unknown>[] = []
    const watch = async (client: Client, query: string, more: object = {}) => {
      const boards = client.iterate({ query, variables: { id: event.id }, ...more })
      open.push(boards)
      assert.ok((await boards.next()).value?.data)
      return gateway.broadcasts.size
    }
    const user = connect(gateway.userToken(21))
    assert.equal(await watch(user, WATCH), 1)
    assert.equal(await watch(user, spaced), 1)
    assert.equal(
      await watch(connect(gateway.userToken(22)), `${WATCH}\nquery Other { me { id } }`, {}).catch(() => 0),
      0,
    )
    assert.equal(await watch(connect(gateway.userToken(22)), WATCH), 1)
    assert.equal(await watch(user, WATCH.replace('version ', '')), 2)
    assert.equal(await watch(connect(gateway.applicationToken(['results:read'])), WATCH), 3)
    for (const boards of open) await boards.return?.()
    while (gateway.broadcasts.size > 0) await pause(5)
  })

  it('closes a socket that is not read from, while the others see every board', async () => {
    const many = Array.from({ length: 500 }, (_, index) => ({
      name: `${index} ${'x'.repeat(190)}`,
      description: 'Sings',
      imageUrl: 'https://a.example/1.jpg',
    }))
    const large = await gateway.events.create(callerOf(7), {
      name: 'Large',
      contestants: many,
      opensAtMs: null,
      closesAtMs: null,
    })
    const { number } = large.record
    gateway.parts = async (events) => new Map(events.map((each) => [each, [part(1, [1])]]))
    const query = `subscription { leaderboardChanged(eventId: "${large.id}") {
      version standings { rank contestant { id name } totalVotes } } }`
    const watch = async () => {
      const socket = new WebSocket(url, 'graphql-transport-ws')
      const versions: number[] = []
      await once(socket, 'open')
      const payload = { Authorization: `Bearer ${gateway.userToken(41)}` }
      socket.send(JSON.stringify({ type: 'connection_init', payload }))
      await once(socket, 'message')
      socket.on('message', (data) =>
        versions.push(JSON.parse(String(data)).payload.data.leaderboardChanged.version),
      )
      socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query } }))
      while (versions.length === 0) await pause(5)
      return { socket, versions }
    }
    const [stopped, reading] = [await watch(), await watch()]
    assert.equal(gateway.broadcasts.size, 1)
    const closed = once(stopped.socket, 'close')
    stopped.socket.pause()
    let version = 1
    // More than the connection itself can hold, and for longer than anybody is waited for.
    for (; version < 40; version += 1) {
      const later = part(version + 1, [version + 1])
      gateway.nats.connection.publish(
        leaderboardSubject(number),
        boardPart.encode({ ...later, totals: [...later.totals], event: number }),
      )
      while (reading.versions.at(-1) !== version + 1) await pause(5)
    }
    await pause(PATIENCE.ms)
    stopped.socket.resume()
    const [code, reason] = await closed
    assert.deepEqual([code, String(reason)], [1013, 'Too slow'])
    assert.ok(stopped.versions.length < reading.versions.length)
    assert.equal(reading.versions.length, 40)
    reading.socket.terminate()
    while (gateway.broadcasts.size > 0) await pause(5)
  })

  it('never shares what depends on who asks', async () => {
    gateway.voteStatus = async () => 'acked'
    const id = gateway.ids.voteId(event.record.number, voterNumber(9))
    const statuses = connect(gateway.userToken(9)).iterate({ query: FOLLOW, variables: { id } })
    assert.ok((await statuses.next()).value?.data)
    assert.equal(gateway.broadcasts.size, 0)
    assert.equal(codeOf(await ask(connect(gateway.userToken(10)), FOLLOW, { id })), 'VOTE_NOT_FOUND')
    await statuses.return?.()
  })

  it('opens no more sockets for a user than it may, and no more again when some are closed', async () => {
    const token = gateway.userToken(31)
    const opened = async () => {
      const socket = new WebSocket(url, 'graphql-transport-ws')
      await once(socket, 'open')
      const answer = Promise.race([
        once(socket, 'message').then(() => 'acknowledged'),
        once(socket, 'close').then(([code]) => code as number),
      ])
      socket.send(JSON.stringify({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } }))
      return { socket, answer: await answer }
    }
    const sockets = await Promise.all(Array.from({ length: CONNECTION_LIMITS.perUser + 1 }, opened))
    const refused = sockets.filter(({ answer }) => answer === 4429)
    assert.equal(refused.length, 1)
    const [first] = sockets.filter(({ answer }) => answer === 'acknowledged')
    first?.socket.close()
    if (first) await once(first.socket, 'close')
    const again = await opened()
    assert.equal(again.answer, 'acknowledged')
    for (const { socket } of [...sockets, again]) socket.terminate()
  })

  it('tells a voter what becomes of the vote, then completes; nobody else', async () => {
    const id = gateway.ids.voteId(event.record.number, voterNumber(9))
    for (const end of ['processed', 'rejected'] as const) {
      let status: 'acked' | typeof end = 'acked'
      gateway.voteStatus = async () => status
      const seen: unknown[] = []
      for await (const { data } of connect(gateway.userToken(9)).iterate<{
        voteStatusChanged: { status: string; reason: string | null; event: { name: string } }
      }>({ query: FOLLOW, variables: { id } })) {
        seen.push(data?.voteStatusChanged.status)
        assert.equal(data?.voteStatusChanged.event.name, 'The Grand Final')
        assert.equal(data?.voteStatusChanged.reason !== null, data?.voteStatusChanged.status === 'REJECTED')
        status = end
      }
      assert.deepEqual(seen, ['ACKED', end.toUpperCase()])
    }
    assert.equal(codeOf(await ask(connect(gateway.userToken(10)), FOLLOW, { id })), 'VOTE_NOT_FOUND')
  })

  it('refuses what it cannot run with the codes of HTTP', async () => {
    const unknown = gateway.ids.eventId(999_999 as never)
    const user = connect(gateway.userToken(9))
    assert.equal(codeOf(await ask(user, WATCH, { id: unknown })), 'EVENT_NOT_FOUND')
    assert.equal(codeOf(await ask(user, WATCH, { id: 'nonsense' })), 'INVALID_ID')
    assert.equal(codeOf(await ask(connect(), WATCH, { id: event.id })), 'UNAUTHENTICATED')
    const voteOnly = connect(gateway.userToken(9, ['votes']))
    assert.equal(codeOf(await ask(voteOnly, WATCH, { id: event.id })), 'WRONG_SCOPE')
    const refused = async (query: string, variables?: Record<string, unknown>) =>
      ask(user, query, variables).catch(
        (errors: { extensions: { code: string; fields?: unknown } }[]) => errors[0]?.extensions,
      )
    assert.deepEqual(await refused('{'), { code: 'GRAPHQL_PARSE_FAILED' })
    const nested = `{ event(id: ${'['.repeat(5_900)}1${']'.repeat(5_900)}) { id } }`
    assert.deepEqual(await refused(nested), { code: 'GRAPHQL_PARSE_FAILED' })
    assert.deepEqual(await refused('{ nothing }'), { code: 'GRAPHQL_VALIDATION_FAILED' })
    assert.deepEqual(await refused('query A { me { id } } query B { me { id } }'), {
      code: 'OPERATION_RESOLUTION_FAILURE',
    })
    assert.deepEqual(await refused(WATCH, { id: 12.5 }), {
      code: 'INVALID_FIELDS',
      fields: [{ field: 'id', message: 'must be a ID' }],
    })
  })

  it('looks at the token again for every operation', async () => {
    const client = connect(gateway.userToken(9), false)
    const query = `{ event(id: "${event.id}") { id } }`
    assert.ok((await ask(client, query)).data)
    const { nowMs } = gateway
    try {
      gateway.nowMs = () => Date.now() + 2 * 3_600_000
      assert.equal(codeOf(await ask(client, query).catch((errors) => ({ errors }))), 'UNAUTHENTICATED')
    } finally {
      gateway.nowMs = nowMs
    }
  })

  it('ends with its token: what is under way is answered, and nothing is followed on', async () => {
    gateway.parts = async (events) => new Map(events.map((number) => [number, [part(8, [1, 0])]]))
    const token = gateway.tokens.issue({ voter: voterNumber(9), scopes: USER_SCOPES, ttlSeconds: 2 })
    const client = connect(token)
    const closed = new Promise<{ code: number }>((resolve) => {
      client.on('closed', (closeEvent) => resolve(closeEvent as { code: number }))
    })
    const boards = client.iterate({ query: WATCH, variables: { id: event.id } })
    assert.ok((await boards.next()).value?.data)
    let decide = (): void => undefined
    gateway.decide = () =>
      new Promise((settle) => {
        decide = () => settle('accepted')
      })
    const input = `{ eventId: "${event.id}", contestantId: "${event.contestantIds[0]}" }`
    const answer = ask(client, `mutation { submitVote(input: ${input}) { status } }`)
    const expired = () => {
      try {
        gateway.tokens.verify(token)
        return false
      } catch {
        return true
      }
    }
    while (!expired()) await pause(20)
    await pause(200)
    decide()
    gateway.decide = async () => 'accepted'
    assert.deepEqual((await answer).data, { submitVote: { status: 'ACKED' } })
    assert.equal((await closed).code, 4403)
    await assert.rejects(boards.next())
  })

  it('closes a socket that breaks the protocol with its code', async () => {
    const good = {
      type: 'connection_init',
      payload: { Authorization: `Bearer ${gateway.userToken(9)}` },
    }
    const closeCode = async (
      messages: readonly (object | string | Buffer)[],
      protocols = ['graphql-transport-ws'],
    ) => {
      const socket = new WebSocket(url, protocols)
      socket.on('error', () => undefined)
      const closed = once(socket, 'close')
      await once(socket, 'open')
      for (const message of messages) {
        const isRaw = typeof message === 'string' || Buffer.isBuffer(message)
        socket.send(isRaw ? message : JSON.stringify(message))
        if (message === good) await once(socket, 'message')
      }
      return (await closed)[0]
    }
    const init = { type: 'connection_init' }
    const bad = { type: 'connection_init', payload: { Authorization: 'Bearer nonsense' } }
    const watch = { id: 'a', type: 'subscribe', payload: { query: WATCH, variables: { id: event.id } } }
    const cases: [number, Promise<unknown>][] = [
      [4400, closeCode(['not JSON'])],
      [4400, closeCode([{ type: 'unknown' }])],
      [4400, closeCode([good, { id: 'a', type: 'next', payload: { data: {} } }])],
      [4400, closeCode([good, { type: 'connection_ack' }])],
      [4401, closeCode([watch])],
      [4403, closeCode([bad])],
      [4406, closeCode([], [])],
      [4408, closeCode([])],
      [4409, closeCode([good, watch, watch])],
      [4429, closeCode([init, init])],
      [1009, closeCode([init, 'x'.repeat(1024 * 1024)])],
      [1003, closeCode([init, Buffer.from(JSON.stringify(init))])],
    ]
    for (const [expected, code] of cases) assert.equal(await code, expected)
  })

  it('upgrades nothing but WebSockets at its path', async () => {
    const status = async (path: string) => {
      const socket = new WebSocket(url.replace('/graphql', path), 'graphql-transport-ws')
      socket.on('error', () => undefined)
      const [, response] = await once(socket, 'unexpected-response')
      return response.statusCode
    }
    assert.equal(await status('/'), 404)
  })
})

describe('A gateway that stops', () => {
  it('answers what is under way on its sockets, then closes them for a restart', async () => {
    const gateway = await startTestGateway()
    try {
      await gateway.app.listen({ port: 0, host: '127.0.0.1' })
      const url = urlOf(gateway)
      const event = await gateway.events.create(callerOf(7), {
        name: 'Final',
        contestants,
        opensAtMs: null,
        closesAtMs: null,
      })
      let decide = (_outcome: 'accepted'): void => undefined
      const arrived = new Promise<void>((resolve) => {
        gateway.decide = () => {
          resolve()
          return new Promise((settle) => {
            decide = settle
          })
        }
      })
      let closeEvent: { code: number } | undefined
      const client = createClient({
        url,
        webSocketImpl: WebSocket,
        connectionParams: { Authorization: `Bearer ${gateway.userToken(9)}` },
        retryAttempts: 0,
        on: {
          closed: (closed) => {
            closeEvent = closed as { code: number }
          },
        },
      })
      const input = `{ eventId: "${event.id}", contestantId: "${event.contestantIds[0]}" }`
      const watching = client.iterate({ query: WATCH, variables: { id: event.id } }).next()
      const answer = client.iterate({ query: `mutation { submitVote(input: ${input}) { status } }` }).next()
      await arrived
      const stopped = gateway.app.close()
      decide('accepted')
      assert.deepEqual((await answer).value?.data, { submitVote: { status: 'ACKED' } })
      await assert.rejects(watching)
      await stopped
      assert.equal(closeEvent?.code, 1012)
    } finally {
      await gateway.stop()
    }
  })
})
