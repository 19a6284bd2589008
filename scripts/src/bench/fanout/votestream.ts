import { createTokens } from '@votestream/gateway/tokens'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { startServer } from '@votestream/infra/servers/server-process'
import { startServersForTest } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams, openBuckets } from '@votestream/infra/streams'
import { encodeEvent, eventKey } from '@votestream/schema/event-record'
import { eventNumber, shardNumber, voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { checkpointKey } from '@votestream/schema/redis-keys'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { boardPart } from '@votestream/schema/votes'
import { variablesForTests } from '../../environment.js'
import { serviceSpec } from '../../service-specs.js'
import type { Running } from './contenders.js'
import { CONTESTANTS } from './shown-board.js'

const EVENT = eventNumber(7)
const SHARD = shardNumber(0)
const GENERATION = '2026-01-01T00:00:00Z'
const JWT_SECRET = 'a secret for this bench, which nobody else uses'
const ID_SECRET = 'another secret for this bench'
const logger = createLogger('bench', 'silent')

/** The gateway as it runs, over a real broker and a real Redis. Boards come to it as the tally sends them. */
export const startVotestream = async (): Promise<Running> => {
  const servers = await startServersForTest(['nats', 'redis'])
  const nats = await connectNats({ url: servers.get('nats').url, name: 'bench', logger })
  const redis = connectRedis({ url: servers.get('redis').url, name: 'bench', logger })
  await redisReady(redis, 5_000)
  await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
  const { events } = await openBuckets(nats, 1)
  await events.put(
    eventKey(EVENT),
    encodeEvent({
      version: 1,
      number: EVENT,
      name: 'Final',
      createdBy: voterNumber(1),
      createdAtMs: 0,
      opensAtMs: null,
      closesAtMs: null,
      contestants: CONTESTANTS.map((name) => ({
        name,
        description: name,
        imageUrl: 'https://a.example/1.jpg',
      })),
    }),
  )
  await redis.hset(checkpointKey(SHARD), { generation: GENERATION, sequence: 0, whole_at: 0 })

  const port = await freePort()
  const env = {
    ...variablesForTests(),
    NATS_URL: servers.get('nats').url,
    REDIS_URL: servers.get('redis').url,
    CLICKHOUSE_URL: 'http://127.0.0.1:1',
    JWT_SECRET,
    ID_SECRET,
    SHARDS: '1',
    GATEWAY_PORT: String(port),
    SOCKETS_PER_ADDRESS_MAX: '1000000',
    LOG_LEVEL: 'warn',
  }
  const program = { root: repositoryRoot(), logFolder: servers.folder, env }
  const gateway = await startServer({ ...serviceSpec('gateway', await freePort(), program), detached: false })
  const ids = createOpaqueIds(ID_SECRET)
  const token = createTokens({ secret: JWT_SECRET, ids, ttlSeconds: 24 * 3_600 }).issue({
    scopes: ['results:read'],
  })
  return {
    url: `ws://127.0.0.1:${port}`,
    dialect: { name: 'graphql', eventId: ids.eventId(EVENT), token },
    pids: [gateway.pid],
    show(version, votes, atMs) {
      const part = { event: EVENT, shard: SHARD, generation: GENERATION, sequence: version }
      const totals = [...votes]
      nats.connection.publish(
        leaderboardSubject(EVENT),
        boardPart.encode({ ...part, totals, ackedAtMs: atMs }),
      )
    },
    async stop() {
      await gateway.stop()
      redis.disconnect()
      await nats.close()
      await servers.stop()
    },
  }
}
