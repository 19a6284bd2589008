import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { createMetrics } from '@votestream/infra/health-server'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { shardNumber } from '@votestream/schema/numbers'
import { checkpointKey } from '@votestream/schema/redis-keys'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { logMessage } from '@votestream/schema/votes'
import { openArchiveTables } from '../../src/archive/archive-tables.js'
import { type JanitorOptions, runJanitor } from '../../src/janitor/janitor.js'
import { createJanitorMetrics } from '../../src/janitor/janitor-metrics.js'
import { PURGE_AGE_MIN_MS, type Retention } from '../../src/janitor/purge-decision.js'

const shard = shardNumber(0)
const logger = createLogger('test', 'silent')
const MESSAGES = 20
const NO_LIMITS: Retention = { ageMaxMs: undefined, bytesMax: undefined }

describe('the janitor', function () {
  this.timeout(30_000)
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let clickhouse: ClickHouseClient
  let generation: string
  let stop: () => Promise<void>

  before(async () => {
    servers = await startServersForTest(['nats', 'redis', 'clickhouse'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say: () => {} })
  })
  after(async () => {
    await clickhouse.close()
    redis.disconnect()
    await nats.close()
    await servers.stop()
  })
  beforeEach(async () => {
    await nats.jsm.streams.delete(voteStream(shard)).catch(() => undefined)
    await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
    const empty = logMessage.encode({ votes: [], closings: [], takeover: null, decisions: [] })
    for (let sent = 0; sent < MESSAGES; sent += 1) await nats.js.publish(voteSubject(shard), empty)
    generation = (await logPosition(nats, shard)).generation
    await sinksAt(MESSAGES, MESSAGES)
  })
  afterEach(() => stop())

  const sinksAt = async (redisAt: number, clickhouseAt: number) => {
    await clickhouse.command({ query: 'TRUNCATE TABLE window_tallies' })
    await redis.hset(checkpointKey(shard), { generation, sequence: redisAt, whole_at: 0 })
    const { signal } = new AbortController()
    await openArchiveTables({ clickhouse, shards: 1, shard, generation, signal }).insertWindows([], {
      sequence: clickhouseAt,
      rows: 0,
    })
  }

  /** Runs until it has looked a few times. */
  const clean = async (retention: Retention, more: Partial<JanitorOptions> = {}) => {
    const ended = new AbortController()
    const registry = createMetrics()
    const metrics = createJanitorMetrics(registry)
    let looks = 0
    const done = runJanitor({
      nats,
      redis,
      clickhouse,
      oldestDead: async () => undefined,
      shard,
      shards: 1,
      retention,
      metrics: {
        ...metrics,
        seen(...seen) {
          looks += 1
          metrics.seen(...seen)
        },
      },
      logger,
      // Everything in the log is older than what must be kept.
      now: () => Date.now() + PURGE_AGE_MIN_MS + 60_000,
      signal: ended.signal,
      everyMs: 10,
      ...more,
    })
    stop = async () => {
      ended.abort()
      await done
    }
    while (looks < 3) await pause(5)
    await stop()
    return { first: (await logPosition(nats, shard)).firstSequence, metrics: await registry.metrics() }
  }

  it('purges nothing unless it is told how much is to be kept', async () => {
    assert.equal((await clean(NO_LIMITS)).first, 1)
  })

  it('purges what is too old, up to the lower of both checkpoints', async () => {
    await sinksAt(12, 9)
    const { first, metrics } = await clean({ ...NO_LIMITS, ageMaxMs: 1 })
    assert.equal(first, 10)
    assert.match(metrics, /votestream_log_first_sequence\{shard="0"\} 10/)
    assert.match(metrics, /votestream_log_purged_messages_total\{shard="0"\} 9/)
    await sinksAt(12, 15)
    assert.equal((await clean({ ...NO_LIMITS, ageMaxMs: 1 })).first, 13)
  })

  it('purges the oldest until the log is as small as configured', async () => {
    const { state } = await nats.jsm.streams.info(voteStream(shard))
    const bytesMax = Math.ceil(state.bytes / 4)
    const { first } = await clean({ ...NO_LIMITS, bytesMax })
    assert.equal(first, 16)
    assert.ok((await nats.jsm.streams.info(voteStream(shard))).state.bytes <= bytesMax)
  })

  it('purges nothing that is young, whatever it is told', async () => {
    assert.equal((await clean({ ageMaxMs: 1, bytesMax: 1 }, { now: Date.now })).first, 1)
  })

  it('purges nothing from the oldest message on that has a dead letter', async () => {
    const oldestDead = async (of: number, log: string) => (of === shard && log === generation ? 7 : undefined)
    assert.equal((await clean({ ...NO_LIMITS, ageMaxMs: 1 }, { oldestDead })).first, 7)
  })

  it('purges nothing while a sink is away, or holds another log', async () => {
    await redis.del(checkpointKey(shard))
    assert.equal((await clean({ ageMaxMs: 1, bytesMax: 1 })).first, 1)
    await sinksAt(MESSAGES, MESSAGES)
    await redis.hset(checkpointKey(shard), 'generation', 'another')
    assert.equal((await clean({ ageMaxMs: 1, bytesMax: 1 })).first, 1)
    await sinksAt(MESSAGES, MESSAGES)
    await servers.kill('clickhouse')
    assert.equal((await clean({ ageMaxMs: 1, bytesMax: 1 })).first, 1)
    await servers.start('clickhouse')
  })
})
