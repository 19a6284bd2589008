import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { openDeadLetters } from '@votestream/infra/dead-letters'
import { createHalts } from '@votestream/infra/halts'
import { createMetrics } from '@votestream/infra/health-server'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams, openEventsBucket } from '@votestream/infra/streams'
import { createArchive } from '@votestream/processor/archive'
import { type EventRecord, encodeEvent, eventKey } from '@votestream/schema/event-record'
import { allShards, type ContestantIndex, eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { checkpointKey, eventsKey, tallyKey } from '@votestream/schema/redis-keys'
import { voteSubject } from '@votestream/schema/subjects'
import { type LogMessage, logMessage, type Vote } from '@votestream/schema/votes'
import { variablesForTests } from '../../src/environment.js'

const SHARDS = 2
const EVENT = eventNumber(7)
const logger = createLogger('reconcile-test', 'silent')

const vote = (voter: number, contestant: number, flags = 0): Vote => ({
  event: EVENT,
  voter: voter as VoterNumber,
  contestant: contestant as ContestantIndex,
  attempt: 1,
  ackedAtMs: Date.UTC(2026, 5, 1),
  flags,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 1,
  traceId: '',
})

/** Per shard: what is in the log, and the tally that Redis should hold after it. */
const LOGS = [
  {
    messages: [
      { votes: [vote(2, 0), vote(4, 1), vote(2, 1)], closings: [], takeover: null, decisions: [] },
      {
        votes: [vote(6, 0, 1)],
        closings: [{ event: EVENT, closedAtMs: Date.UTC(2026, 5, 1) }],
        takeover: null,
        decisions: [],
      },
      { votes: [vote(8, 0)], closings: [], takeover: null, decisions: [] },
    ],
    tally: { 0: 1, 1: 1, sequence: 3, entries: 5, rejected: 2, superseded: 1 },
  },
  {
    messages: [{ votes: [vote(1, 2), vote(3, 2)], closings: [], takeover: { owner: 'a' }, decisions: [] }],
    tally: { 2: 2, sequence: 1, entries: 2 },
  },
] satisfies { messages: LogMessage[]; tally: Record<string, number> }[]

describe('npm run reconcile', function () {
  this.timeout(60_000)
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let clickhouse: ClickHouseClient
  const ended = new AbortController()
  const lanes: Promise<void>[] = []

  const command = (name: string, ...args: string[]): Promise<{ status: number; output: string }> =>
    new Promise((resolve) => {
      const env = {
        ...variablesForTests(),
        NATS_URL: servers.get('nats').url,
        REDIS_URL: servers.get('redis').url,
        CLICKHOUSE_URL: servers.get('clickhouse').url,
        CLICKHOUSE_PASSWORD: '',
        DATA_DIR: servers.folder,
      }
      const file = fileURLToPath(new URL(`../../src/${name}.js`, import.meta.url))
      execFile(process.execPath, [file, ...args], { env }, (error, stdout, stderr) => {
        resolve({
          status: typeof error?.code === 'number' ? error.code : error ? -1 : 0,
          output: stdout + stderr,
        })
      })
    })

  before(async () => {
    servers = await startServersForTest(['nats', 'redis', 'clickhouse'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    const migrated = await command('migrate')
    assert.equal(migrated.status, 0, migrated.output)
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
    const record: EventRecord = {
      version: 1,
      number: EVENT,
      name: 'Final',
      createdBy: 1 as VoterNumber,
      createdAtMs: 0,
      opensAtMs: null,
      closesAtMs: null,
      contestants: [],
    }
    await (await openEventsBucket(nats, 1)).put(eventKey(EVENT), encodeEvent(record))
    const deadLetters = await openDeadLetters(nats, 1)
    const halts = createHalts(createMetrics())
    const archive = createArchive({ nats, clickhouse, shards: SHARDS, logger, deadLetters, halts })
    for (const shard of allShards(SHARDS)) {
      for (const message of LOGS[shard]?.messages ?? []) {
        await nats.js.publish(voteSubject(shard), logMessage.encode(message))
      }
      const { generation, lastSequence } = await logPosition(nats, shard)
      await redis.hset(checkpointKey(shard), { generation, sequence: lastSequence, whole_at: 0 })
      await redis.sadd(eventsKey(shard), EVENT)
      await redis.hset(tallyKey(shard, EVENT), LOGS[shard]?.tally ?? {})
      lanes.push(archive.runLane({ shard, signal: ended.signal }))
    }
  })
  after(async () => {
    ended.abort()
    await Promise.all(lanes)
    await clickhouse?.close()
    redis?.disconnect()
    await nats?.close()
    await servers?.stop()
  })

  it('ends with 0 where the log, Redis and ClickHouse agree', async () => {
    const { status, output } = await command('reconcile')
    assert.match(output, /7 +Final +7 +2 +1 +4 +4 +4 +ok/)
    assert.match(output, /The books agree: 1 event\./)
    assert.equal(status, 0)
  })

  it('ends with 1 and the difference where Redis has one vote too many', async () => {
    const [shard = 0 as never] = allShards(SHARDS)
    await redis.hincrby(tallyKey(shard, EVENT), '1', 1)
    const { status, output } = await command('reconcile')
    await redis.hincrby(tallyKey(shard, EVENT), '1', -1)
    assert.match(output, /7 +0 +contestant 1 +1 +2 +1/)
    assert.equal(status, 1)
  })

  it('ends with 1 and the difference where a window of ClickHouse has one vote too many', async () => {
    const change = async (by: number) =>
      clickhouse.command({
        query: `INSERT INTO window_tallies SELECT * REPLACE (votes + ${by} AS votes, sequence + 1 AS sequence)
          FROM window_tallies FINAL WHERE event = ${EVENT} AND contestant = 2`,
      })
    await change(1)
    const { status, output } = await command('reconcile')
    await change(-1)
    assert.match(output, /7 +1 +contestant 2 +2 +2 +2 +3/)
    assert.equal(status, 1)
  })

  it('ends with 2 when a sink does not get to the end of the log', async () => {
    const [shard = 0 as never] = allShards(SHARDS)
    await redis.hset(checkpointKey(shard), 'sequence', 2)
    const { status, output } = await command('reconcile', '--wait', '1')
    await redis.hset(checkpointKey(shard), 'sequence', 3)
    assert.match(output, /shard 0: Redis is at message 2, the log ends at 3/)
    assert.equal(status, 2)
  })

  it('compares what is left of a log that was purged', async () => {
    await nats.jsm.streams.purge('VOTES_0', { seq: 3 })
    const { status, output } = await command('reconcile')
    assert.match(output, /Shard 0: the log was purged and begins at message 3/)
    assert.equal(status, 0, output)
  })

  it('ends with 1 and the difference where ClickHouse lost one vote', async () => {
    await clickhouse.command({ query: 'DELETE FROM votes_log WHERE voter = 3' })
    const { status, output } = await command('reconcile')
    assert.match(output, /7 +1 +contestant 2 +2 +2 +1/)
    assert.equal(status, 1)
  })

  it('ends with 2 when a server is away', async () => {
    await servers.kill('redis')
    const { status, output } = await command('reconcile', '--wait', '1')
    assert.match(output, /Redis/)
    assert.equal(status, 2)
  })
})
