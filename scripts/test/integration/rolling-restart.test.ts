import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ApolloClient, gql, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { findServer } from '@votestream/infra/servers/find-server'
import { freePort } from '@votestream/infra/servers/free-port'
import { type HaproxyServer, startHaproxyServer } from '@votestream/infra/servers/haproxy-server'
import { haproxyRequirement } from '@votestream/infra/servers/server-source'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { type SmallEvent, type SmallSystem, startSmallSystem } from '../../src/bench/small-system.js'

const DRAIN_SECONDS = 2
const SOCKETS = 40
const APOLLO_CLIENTS = 4
const STREAMS = 12
const VOTE_EVERY_MS = 20
const LAST_BOARD_WITHIN_MS = 5_000

interface Board {
  readonly version: number
  readonly totalVotes: number
}

interface Closing {
  readonly code: number | 'ended'
  readonly atMs: number
}

/** Whoever looks on: what it saw, and when its socket was closed, or its stream ended. */
interface Onlooker {
  readonly boards: Board[]
  readonly closings: Closing[]
  stop(): Promise<void>
}

const QUERY = 'subscription Board($id: ID!) { leaderboardChanged(eventId: $id) { version totalVotes } }'

describe('a rolling restart of two gateways behind a balancer, while votes come', function () {
  this.timeout(90_000)
  let system: SmallSystem
  let balancer: HaproxyServer
  let event: SmallEvent
  const onlookers: Onlooker[] = []

  before(async () => {
    system = await startSmallSystem({
      contestants: ['Ada', 'Grace'],
      gateways: 2,
      votes: true,
      env: { DRAIN_SECONDS: String(DRAIN_SECONDS), TRUSTED_PROXIES: '127.0.0.1' },
    })
    const [first] = system.events
    assert.ok(first)
    event = first
    balancer = await startHaproxyServer({
      binary: await findServer(haproxyRequirement),
      port: await freePort(),
      gateways: system.gateways.map(({ port }) => port),
      dataDir: join(system.servers.folder, 'haproxy'),
    })
  })
  after(async () => {
    await Promise.all(onlookers.map(({ stop }) => stop()))
    await balancer?.stop()
    await system?.stop()
  })

  /** With the defaults of its documentation, also for coming back. */
  const sockets = () => {
    const closings: Closing[] = []
    const client = createClient({
      url: `${balancer.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${system.viewerToken()}` },
      on: {
        closed: (event) => closings.push({ code: (event as { code: number }).code, atMs: performance.now() }),
      },
    })
    return { client, closings }
  }

  const watchBySocket = (): Onlooker => {
    const { client, closings } = sockets()
    const boards: Board[] = []
    client.subscribe<{ leaderboardChanged: Board }>(
      { query: QUERY, variables: { id: event.id } },
      {
        next: ({ data }) => void (data && boards.push(data.leaderboardChanged)),
        error: () => undefined,
        complete: () => undefined,
      },
    )
    return { boards, closings, stop: async () => client.dispose() }
  }

  const watchByApollo = (): Onlooker => {
    const { client: socket, closings } = sockets()
    const boards: Board[] = []
    const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() })
    client
      .subscribe<{ leaderboardChanged: Board }>({ query: gql(QUERY), variables: { id: event.id } })
      .subscribe({ next: ({ data }) => void (data && boards.push(data.leaderboardChanged)) })
    return {
      boards,
      closings,
      async stop() {
        client.stop()
        await socket.dispose()
      },
    }
  }

  /** Comes back as a browser does: with the id of what it saw last. */
  const watchByEvents = (): Onlooker => {
    const boards: Board[] = []
    const closings: Closing[] = []
    const leaving = new AbortController()
    const follow = async (): Promise<void> => {
      const last = boards.at(-1)
      const response = await fetch(`${balancer.url}/v1/event/${event.id}/leaderboard/stream`, {
        headers: {
          authorization: `Bearer ${system.viewerToken()}`,
          ...(last ? { 'last-event-id': String(last.version) } : {}),
        },
        signal: leaving.signal,
      })
      let text = ''
      for await (const piece of response.body ?? []) {
        text += Buffer.from(piece).toString()
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const each of events) {
          const [, id, json] = /^id: (\d+)\ndata: (.*)$/.exec(each) ?? []
          if (id === undefined || json === undefined) continue
          const { contestants } = JSON.parse(json) as { contestants: { total_votes: number }[] }
          const totalVotes = contestants.reduce((sum, { total_votes }) => sum + total_votes, 0)
          boards.push({ version: Number(id), totalVotes })
        }
      }
      if (response.ok) closings.push({ code: 'ended', atMs: performance.now() })
    }
    const stay = async (): Promise<void> => {
      while (!leaving.signal.aborted) {
        await follow().catch(() => undefined)
        await pause(200)
      }
    }
    const gone = stay()
    return {
      boards,
      closings,
      async stop() {
        leaving.abort()
        await gone
      },
    }
  }

  const castVotes = () => {
    const statuses: (number | string)[] = []
    const under: Promise<void>[] = []
    let voter = 0
    const cast = async (): Promise<void> => {
      voter += 1
      const { token } = system.voter(voter)
      const answer = await fetch(`${balancer.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${token}`,
          'idempotency-key': randomUUID(),
        },
        body: JSON.stringify({
          query: 'mutation ($input: SubmitVoteInput!) { submitVote(input: $input) { id } }',
          variables: { input: { eventId: event.id, contestantId: event.contestantIds[voter % 2] } },
        }),
      })
      const { errors } = (await answer.json()) as { errors?: { extensions: { code: string } }[] }
      statuses.push(errors?.[0]?.extensions.code ?? answer.status)
    }
    const timer = setInterval(() => {
      under.push(cast().catch((error: Error) => void statuses.push(String(error.cause ?? error))))
    }, VOTE_EVERY_MS)
    return {
      async end() {
        clearInterval(timer)
        await Promise.all(under)
        return statuses
      },
    }
  }

  const readiness = async (port: number): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    return answer ? `${answer.status} ${await answer.text()}` : 'closed'
  }

  /** Who stops the next gateway before the balancer has seen the last one come back stops both. */
  const balanced = async (): Promise<void> => {
    for (;;) {
      const up = await balancer.up()
      assert.equal(up.length, system.gateways.length)
      if (up.every(Boolean)) return
      await pause(20)
    }
  }

  it('refuses no vote, closes sockets at times of their own, and nobody misses the last board', async () => {
    for (let index = 0; index < SOCKETS; index += 1) onlookers.push(watchBySocket())
    for (let index = 0; index < APOLLO_CLIENTS; index += 1) onlookers.push(watchByApollo())
    for (let index = 0; index < STREAMS; index += 1) onlookers.push(watchByEvents())
    while (onlookers.some(({ boards }) => boards.length === 0)) await pause(20)
    const votes = castVotes()
    const spreads: { sockets: number; streams: number }[] = []
    for (const gateway of system.gateways) {
      await balanced()
      const before = new Map(onlookers.map((each) => [each, each.closings.length]))
      const restarting = gateway.restart()
      // Those who look on are still being closed: it takes nobody new, and says so.
      while ((await readiness(gateway.port)) !== '503 not ready: listening\n') await pause(20)
      const refused = await fetch(
        `http://127.0.0.1:${gateway.port}/v1/event/${event.id}/leaderboard/stream`,
        {
          headers: { authorization: `Bearer ${system.viewerToken()}` },
        },
      )
      assert.equal(refused.status, 503)
      await refused.body?.cancel()
      await restarting
      const closings = onlookers.flatMap((each) => each.closings.slice(before.get(each)))
      const spreadOf = (code: Closing['code']): number => {
        const atMs = closings.filter((closing) => closing.code === code).map((closing) => closing.atMs)
        return Math.max(...atMs) - Math.min(...atMs)
      }
      spreads.push({ sockets: spreadOf(1012), streams: spreadOf('ended') })
    }
    await balanced()
    const statuses = await votes.end()
    assert.deepEqual(
      statuses.filter((status) => status !== 200),
      [],
    )
    const deadlineMs = performance.now() + LAST_BOARD_WITHIN_MS
    const missing = () => onlookers.filter(({ boards }) => boards.at(-1)?.totalVotes !== statuses.length)
    while (missing().length > 0 && performance.now() < deadlineMs) await pause(20)
    assert.equal(missing().length, 0, `of ${onlookers.length} some miss the last board`)
    const codes = new Set(onlookers.flatMap(({ closings }) => closings.map(({ code }) => code)))
    assert.deepEqual(codes, new Set([1012, 'ended']))
    for (const { sockets, streams } of spreads) {
      assert.ok(sockets > (DRAIN_SECONDS * 1_000) / 2, JSON.stringify(spreads))
      assert.ok(streams > (DRAIN_SECONDS * 1_000) / 20, JSON.stringify(spreads))
    }
    for (const { boards } of onlookers) {
      for (let at = 1; at < boards.length; at += 1) {
        assert.ok((boards[at]?.version ?? 0) >= (boards[at - 1]?.version ?? 0))
      }
    }
  })
})
