import assert from 'node:assert/strict'
import { type Catalog, watchCatalog } from '@votestream/infra/catalog'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { type Buckets, openBuckets } from '@votestream/infra/streams'
import { encodeEvent, eventKey } from '@votestream/schema/event-record'
import { allShards, eventNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { checkpointKey, tallyKey } from '@votestream/schema/redis-keys'
import type { FastifyInstance } from 'fastify'
import { type CatalogEvent, projectEvent } from '../../src/event-catalog.js'
import { createEvents } from '../../src/events.js'
import { createGraphql } from '../../src/graphql/graphql.js'
import { inertOperations } from '../../src/inert.js'
import { createBroadcasts } from '../../src/live/broadcasts.js'
import { createLiveBoards } from '../../src/live/live-boards.js'
import { createLiveVotes } from '../../src/live/live-votes.js'
import { createOpenCounts } from '../../src/live/open-counts.js'
import { createResults } from '../../src/results.js'
import { createStore } from '../../src/store.js'
import { createTestAdmission } from '../test-admission.js'
import { createInertServer } from '../unit/inert-server.js'
import { callerOf, SOCKET_LIMITS } from './test-gateway.js'

const SHARDS = 2
const logger = createLogger('round-trips-test', 'silent')
const LIST = `query ($first: Int) { events(first: $first) { nodes {
  id name contestants { id name totalVotes }
  leaderboard { version totalVotes standings { rank totalVotes contestant { id totalVotes } } }
} } }`

describe('Reading many events', () => {
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let buckets: Buckets
  let catalog: Catalog<CatalogEvent>
  let app: FastifyInstance
  const counted = { multis: 0, gets: 0, waiting: 0, waitingMost: 0 }

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    buckets = await openBuckets(nats, 1)
    for (let number = 1; number <= 30; number += 1) await addEvent(number)
    const ids = createOpaqueIds('a secret for the tests')
    const project = projectEvent(ids)
    // With no memory for records every event has to be read from its bucket.
    catalog = await watchCatalog({ bucket: buckets.events, logger, project, bytesMax: 1 })
    const store = createStore(nats)
    const results = createResults({ redis, shards: SHARDS })
    const absent = (): never => {
      throw new Error('nothing of the kind was expected')
    }
    const intake = { submit: absent, close: absent, stop: absent }
    const events = createEvents({ bucket: buckets.events, nats, store, catalog, project, results, intake })
    const { usagePlans, apiKeys, keyUsage } = inertOperations()
    const graphql = createGraphql({
      usagePlans,
      apiKeys,
      keyUsage,
      accounts: { register: absent, login: absent, username: absent },
      voting: { submit: absent, find: absent, status: absent },
      revoking: { revoke: absent },
      decisions: { decide: absent },
      events,
      results,
      liveBoards: createLiveBoards({ nats, results, shards: SHARDS, logger }),
      liveVotes: createLiveVotes({ results }),
      broadcasts: createBroadcasts(),
      connections: { users: createOpenCounts(1), addresses: createOpenCounts(1) },
      addressOf: () => '127.0.0.1',
      timelines: { read: absent },
      tokens: { verify: () => callerOf(9), stillValid: () => true, onRevocation: () => () => undefined },
      admission: createTestAdmission({ tokens: { verify: () => callerOf(9) } }),
      ids,
      logger,
      now: Date.now,
      introspection: false,
      sockets: SOCKET_LIMITS,
    })
    app = await createInertServer({ doors: [graphql.door], plugins: [graphql.routes] })
    count()
  })
  after(async () => {
    await app?.close()
    catalog?.stop()
    redis?.disconnect()
    await nats?.close()
    await servers?.stop()
  })

  const addEvent = async (number: number) => {
    const contestants = ['A', 'B'].map((name) => ({ name, description: name, imageUrl: 'https://a.example' }))
    const times = { createdAtMs: 1, opensAtMs: null, closesAtMs: null }
    const record = {
      version: 1,
      number: eventNumber(number),
      name: `E${number}`,
      createdBy: 1 as never,
      ...times,
      contestants,
    } as const
    await buckets.events.put(eventKey(record.number), encodeEvent(record))
    for (const shard of allShards(SHARDS)) {
      await redis.hset(checkpointKey(shard), { sequence: 100, generation: '2026-05-01T00:00:00Z' })
      await redis.hset(tallyKey(shard, record.number), { sequence: number, 0: number, 1: 1 })
    }
  }

  const count = () => {
    const multi = redis.multi.bind(redis) as () => ReturnType<Redis['multi']>
    redis.multi = (() => {
      counted.multis += 1
      return multi()
    }) as Redis['multi']
    const get = buckets.events.get.bind(buckets.events)
    buckets.events.get = async (key, options) => {
      counted.gets += 1
      counted.waiting += 1
      counted.waitingMost = Math.max(counted.waitingMost, counted.waiting)
      return get(key, options).finally(() => {
        counted.waiting -= 1
      })
    }
  }

  const ask = async (query: string, variables: object) => {
    Object.assign(counted, { multis: 0, gets: 0, waiting: 0, waitingMost: 0 })
    const payload = { query, variables }
    const headers = { authorization: 'Bearer token' }
    const answer = await app.inject({ method: 'POST', url: '/graphql', payload, headers })
    assert.equal(answer.json().errors, undefined, answer.body)
    return answer.json().data
  }

  for (const first of [2, 10, 30]) {
    it(`costs one call for each shard and one round of gets for a list of ${first} with their boards`, async () => {
      const { nodes } = (await ask(LIST, { first })).events
      assert.equal(nodes.length, first)
      assert.equal(nodes[0].name, 'E30')
      assert.deepEqual(
        nodes[0].contestants.map((each: { totalVotes: number }) => each.totalVotes),
        [60, 2],
      )
      assert.equal(nodes[0].leaderboard.totalVotes, 62)
      assert.equal(counted.multis, SHARDS)
      // All at once: none waits for another.
      assert.deepEqual([counted.gets, counted.waitingMost], [first, first])
    })
  }

  it('costs as much for events that are named one by one', async () => {
    const ids = (await ask('{ events(first: 20) { nodes { id } } }', {})).events.nodes
    const fields = ids.map(
      ({ id }: { id: string }, index: number) => `e${index}: event(id: "${id}") { leaderboard { version } }`,
    )
    await ask(`{ ${fields.join(' ')} again: event(id: "${ids[0].id}") { name } }`, {})
    assert.equal(counted.multis, SHARDS)
    assert.deepEqual([counted.gets, counted.waitingMost], [20, 20])
  })
})
