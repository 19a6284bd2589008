import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { errors } from '@nats-io/nats-core'
import { shardNumber } from '@votestream/schema/numbers'
import { leaderboardSubject } from '@votestream/schema/subjects'
import WebSocket from 'ws'
import type { CatalogEvent } from '../../src/event-catalog.js'
import {
  CONNECTION_LIMITS,
  callerOf,
  SOCKET_LIMITS,
  startTestGateway,
  type TestGateway,
} from './test-gateway.js'

/** Each misbehaviour so often: what leaks once for each is seen. */
const TIMES = 6
const SETTLED_WITHIN_MS = 8_000

describe('clients that misbehave on live connections', function () {
  this.timeout(60_000)
  let gateway: TestGateway
  let port: number
  let event: CatalogEvent
  let init: string
  let watch: string
  const timers = new Set<number>()
  const hook = createHook({
    init: (id, type) => void (type === 'Timeout' && timers.add(id)),
    destroy: (id) => void timers.delete(id),
  })

  before(async () => {
    gateway = await startTestGateway()
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    const address = gateway.app.server.address()
    assert.ok(typeof address === 'object' && address)
    port = address.port
    event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants: [{ name: 'Ada', description: 'Sings', imageUrl: 'https://a.example/1.jpg' }],
      opensAtMs: null,
      closesAtMs: null,
    })
    gateway.parts = async (events) =>
      new Map(
        events.map((number) => [
          number,
          [
            {
              shard: shardNumber(0),
              generation: '2026-05-16T20:00:00Z',
              sequence: 5,
              totals: [1],
              ackedAtMs: 1,
            },
          ],
        ]),
      )
    const payload = { Authorization: `Bearer ${gateway.applicationToken(['results:read'])}` }
    init = JSON.stringify({ type: 'connection_init', payload })
    watch = `subscription { leaderboardChanged(eventId: "${event.id}") { version } }`
  })
  after(async () => {
    hook.disable()
    await gateway.stop()
  })

  const open = async (protocols = ['graphql-transport-ws']): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, protocols)
    socket.on('error', () => undefined)
    await once(socket, 'open')
    return socket
  }
  const closing = async (socket: WebSocket): Promise<number> => {
    const [code] = await once(socket, 'close')
    return code as number
  }
  const opened = async (): Promise<WebSocket> => {
    const socket = await open()
    socket.send(init)
    await once(socket, 'message')
    return socket
  }
  const subscribe = (id: string, query = watch, more: object = {}) =>
    JSON.stringify({ id, type: 'subscribe', payload: { query, ...more } })

  /** An upgrade by hand, so that nothing here answers a ping. */
  const mute = async (): Promise<Socket> => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    const head = [
      'GET /graphql HTTP/1.1',
      'Host: a',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: graphql-transport-ws',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    await once(socket, 'data')
    return socket
  }

  /** What each does, and the code that its socket is closed with. */
  const misbehaviours: readonly [string, () => Promise<number | string>, number | string][] = [
    ['sends no connection_init in time', async () => closing(await open()), 4408],
    [
      'sends it twice',
      async () => {
        const socket = await opened()
        socket.send(init)
        return closing(socket)
      },
      4429,
    ],
    [
      'subscribes before the connection is acknowledged',
      async () => {
        const socket = await open()
        socket.send(subscribe('a'))
        return closing(socket)
      },
      4401,
    ],
    [
      'uses the id of an operation that goes on',
      async () => {
        const socket = await opened()
        socket.send(subscribe('a'))
        await once(socket, 'message')
        socket.send(subscribe('a'))
        return closing(socket)
      },
      4409,
    ],
    [
      'sends what is no JSON',
      async () => {
        const socket = await opened()
        socket.send('{"type":')
        return closing(socket)
      },
      4400,
    ],
    [
      'sends a message of a type that nobody knows',
      async () => {
        const socket = await opened()
        socket.send('{"type":"unknown"}')
        return closing(socket)
      },
      4400,
    ],
    [
      'sends bytes',
      async () => {
        const socket = await opened()
        socket.send(Buffer.from(subscribe('a')))
        return closing(socket)
      },
      1003,
    ],
    [
      'sends a megabyte',
      async () => {
        const socket = await opened()
        socket.send(subscribe('a', `${watch}${' '.repeat(1024 * 1024)}`))
        return closing(socket)
      },
      1009,
    ],
    ['speaks no protocol that we know', async () => closing(await open([])), 4406],
    [
      'has a token that is none',
      async () => {
        const socket = await open()
        socket.send('{"type":"connection_init","payload":{"Authorization":"Bearer nonsense"}}')
        return closing(socket)
      },
      4403,
    ],
    [
      'names an operation that the document does not have',
      async () => {
        const socket = await opened()
        socket.send(subscribe('a', watch, { operationName: 'Other' }))
        const [data] = await once(socket, 'message')
        socket.terminate()
        return JSON.parse(String(data)).payload[0].extensions.code as string
      },
      'OPERATION_RESOLUTION_FAILURE',
    ],
    [
      'subscribes a thousand times on one socket',
      async () => {
        const socket = await opened()
        const seen = { next: 0, error: 0 } as Record<string, number>
        socket.on('message', (data) => {
          const { type } = JSON.parse(String(data)) as { type: string }
          seen[type] = (seen[type] ?? 0) + 1
        })
        for (let id = 0; id < 1_000; id += 1) socket.send(subscribe(String(id)))
        while ((seen.next ?? 0) + (seen.error ?? 0) < 1_000) await pause(10)
        socket.terminate()
        return `${seen.next} followed, ${seen.error} refused`
      },
      `${SOCKET_LIMITS.operationsPerSocketMax} followed, ${1_000 - SOCKET_LIMITS.operationsPerSocketMax} refused`,
    ],
    [
      'is gone in the middle of an operation',
      async () => {
        const socket = await opened()
        socket.send(subscribe('a'))
        socket.terminate()
        return closing(socket)
      },
      1006,
    ],
    [
      'answers no ping',
      async () => {
        const socket = await mute()
        socket.resume()
        await once(socket, 'close')
        return 'closed'
      },
      'closed',
    ],
  ]

  const connectionsOf = () =>
    new Promise<number>((resolve, reject) =>
      gateway.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    )
  /** The broker says at once when nobody listens. */
  const isListenedTo = () =>
    gateway.nats.connection
      .request(leaderboardSubject(event.record.number), '', { timeout: 300 })
      .then(() => true)
      .catch((error: unknown) => !(error instanceof errors.RequestError && error.isNoResponders()))

  const state = async () => ({
    connections: await connectionsOf(),
    counted: gateway.connections.addresses.open + gateway.connections.users.open,
    groups: gateway.broadcasts.size,
    listening: await isListenedTo(),
  })

  it('are closed with the code of the protocol, and leave no connection, timer or subscription behind', async () => {
    const round = async () => {
      const outcomes = misbehaviours.map(async ([name, misbehave, expected]) => {
        assert.equal(await misbehave(), expected, name)
      })
      await Promise.all(outcomes)
    }
    const settled = async (timersMax: number) => {
      const deadlineMs = performance.now() + SETTLED_WITHIN_MS
      for (;;) {
        const now = await state()
        const isClean = Object.values(now).every((value) => !value) && timers.size <= timersMax
        if (isClean) return
        assert.ok(
          performance.now() < deadlineMs,
          `left behind: ${JSON.stringify(now)}, ${timers.size} timers of ${timersMax}`,
        )
        await pause(50)
      }
    }
    // Whatever is made once and kept is there after a first round.
    await round()
    await settled(Number.POSITIVE_INFINITY)
    hook.enable()
    timers.clear()
    const viewer = await opened()
    viewer.send(subscribe('a'))
    await once(viewer, 'message')
    // What the check below would overlook, it would not find either.
    assert.deepEqual(await state(), { connections: 1, counted: 1, groups: 1, listening: true })
    assert.ok(timers.size > 0)
    viewer.close()
    await Promise.all(Array.from({ length: TIMES }, round))
    // Reading the boards, and waiting for an answer of the broker, are under way or not.
    await settled(3)
  })

  it('find no room for more sockets and streams than an address may have', async () => {
    const stream = (address: string) => {
      const authorization = `Bearer ${gateway.applicationToken(['results:read'])}`
      const headers = { authorization, 'x-forwarded-for': address }
      return fetch(`http://127.0.0.1:${port}/v1/event/${event.id}/leaderboard/stream`, { headers })
    }
    const socketFrom = (address: string) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', {
        headers: { 'x-forwarded-for': address },
      })
      socket.on('error', () => undefined)
      const answer = Promise.race([
        once(socket, 'open').then(() => 101),
        once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number),
      ])
      return { socket, answer }
    }
    const sockets = Array.from({ length: CONNECTION_LIMITS.perAddress }, () => socketFrom('192.0.2.1'))
    for (const { answer } of sockets) assert.equal(await answer, 101)
    assert.equal(await socketFrom('192.0.2.1').answer, 429)
    const refused = await stream('192.0.2.1')
    assert.equal(refused.status, 429)
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.equal(((await refused.json()) as { code: string }).code, 'RATE_LIMITED')
    const other = await stream('192.0.2.2')
    assert.equal(other.status, 200)
    await other.body?.cancel()
    const [first] = sockets
    first?.socket.close()
    if (first) await once(first.socket, 'close')
    const again = await stream('192.0.2.1')
    assert.equal(again.status, 200)
    await again.body?.cancel()
    for (const { socket } of sockets) socket.terminate()
    while (gateway.connections.addresses.open > 0) await pause(10)
  })

  it('of one user share its places between sockets and streams', async () => {
    const authorization = `Bearer ${gateway.userToken(61)}`
    const url = `http://127.0.0.1:${port}/v1/event/${event.id}/leaderboard/stream`
    const streams = await Promise.all(
      Array.from({ length: CONNECTION_LIMITS.perUser }, () => fetch(url, { headers: { authorization } })),
    )
    for (const { status } of streams) assert.equal(status, 200)
    assert.equal((await fetch(url, { headers: { authorization } })).status, 429)
    const socket = await open()
    socket.send(JSON.stringify({ type: 'connection_init', payload: { Authorization: authorization } }))
    assert.equal(await closing(socket), 4429)
    for (const { body } of streams) await body?.cancel()
    while (gateway.connections.users.open > 0) await pause(10)
  })
})
