import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { type DeadLetters, openDeadLetters } from '@votestream/infra/dead-letters'
import { createHalts } from '@votestream/infra/halts'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import {
  type ContestantIndex,
  type EventNumber,
  shardNumber,
  type VoterNumber,
} from '@votestream/schema/numbers'
import { checkpointKey, shardPattern } from '@votestream/schema/redis-keys'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { logMessage } from '@votestream/schema/votes'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { createArchive } from '../../src/archive/archive-lane.js'
import { createPartPublisher } from '../../src/publish/part-publisher.js'
import { createArchivedOutcomes } from '../../src/tally/archived-outcomes.js'
import { seedView } from '../../src/tally/seed.js'
import { createViewFiller } from '../../src/tally/seed-view.js'
import { runTallyLane } from '../../src/tally/tally-lane.js'
import { createView } from '../../src/tally/view.js'
import { randomLog, vote } from '../unit/random-log.js'

const shard = shardNumber(0)
const SHARDS = 2
const logger = createLogger('seed-test', 'silent')

describe('a view that the log no longer reaches back to', function () {
  this.timeout(60_000)
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let clickhouse: ClickHouseClient
  let deadLetters: DeadLetters
  const halts = createHalts(new Registry())
  const stops: (() => Promise<unknown>)[] = []

  before(async () => {
    servers = await startServersForTest(['nats', 'redis', 'clickhouse'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    deadLetters = await openDeadLetters(nats, 1)
    await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say: () => {} })
  })
  after(async () => {
    await clickhouse.close()
    redis.disconnect()
    await nats.close()
    await servers.stop()
  })
  beforeEach(async () => {
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
    await redis.flushall()
  })
  afterEach(async () => {
    await stopAll()
    for (const of of [0, 1]) await nats.jsm.streams.delete(voteStream(shardNumber(of)))
  })

  const stopAll = async () => {
    for (const stop of stops.splice(0)) await stop()
  }
  const begin = (run: (signal: AbortSignal) => Promise<unknown>) => {
    const ended = new AbortController()
    const done = run(ended.signal)
    stops.push(async () => {
      ended.abort()
      await done
    })
  }
  const laneOptions = () => ({
    nats,
    redis,
    clickhouse,
    shard,
    shards: SHARDS,
    logger,
    publisher: createPartPublisher({ publish: () => undefined, tickMs: 1 }),
    deadLetters,
    halts,
  })
  const tally = () => {
    const lane = laneOptions()
    // As the lease does: work that failed is begun again.
    begin(async (signal) => {
      while (!signal.aborted) {
        await runTallyLane({ ...lane, signal }).catch(() => pause(20))
      }
      lane.publisher.stop()
    })
  }
  const archive = (untilSequence = Number.POSITIVE_INFINITY) =>
    begin((signal) =>
      createArchive({ nats, clickhouse, shards: SHARDS, logger, deadLetters, halts, pauseMs: 1 }).runLane({
        shard,
        signal,
        untilSequence,
      }),
    )
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await pause(10)
  }
  const at = async (sequence: number) =>
    (await redis.hget(checkpointKey(shard), 'sequence')) === String(sequence)
  const archivedTo = async (sequence: number) => {
    const { generation } = await logPosition(nats, shard)
    const { signal } = new AbortController()
    const outcomes = createArchivedOutcomes({ clickhouse, shard, generation, signal })
    await until(async () => (await outcomes.checkpoint()) === sequence)
  }

  /** Everything that Redis holds of the shard, except how it came about. */
  const view = async (): Promise<Record<string, unknown>> => {
    const content: Record<string, unknown> = {}
    for (const key of (await redis.keys(shardPattern(shard))).sort()) {
      const type = await redis.type(key)
      if (key === checkpointKey(shard)) continue
      if (type === 'set') content[key] = (await redis.smembers(key)).sort()
      else if (type === 'hash') {
        const fields = Object.entries(await redis.hgetall(key)).filter(([, value]) => value !== '0')
        if (fields.length > 0) content[key] = Object.fromEntries(fields.sort())
      } else content[key] = (await redis.getBuffer(key))?.toString('hex').replace(/(00)+$/, '')
    }
    return content
  }

  it('is made of what ClickHouse holds, exactly as the log would have made it', async () => {
    const [log = []] = fc.sample(randomLog({ messagesMin: 60, messagesMax: 80 }), 1)
    for (const { data } of log) await nats.js.publish(voteSubject(shard), data)
    tally()
    await until(() => at(log.length))
    const archived = Math.floor(log.length / 2)
    archive(archived)
    await archivedTo(archived)
    await stopAll()
    const whole = await view()
    assert.ok(Object.keys(whole).some((key) => key.includes(':rejected:')))
    // The archive is ahead of what is purged, and the log goes on behind it.
    await nats.jsm.streams.purge(voteStream(shard), { seq: archived - 5 })
    await redis.flushall()
    tally()
    await until(() => at(log.length))
    assert.deepEqual(await view(), whole)
  })

  it('is made of the archive as of its checkpoint, whatever stands there beyond it, and of this log alone', async () => {
    const event = 9 as EventNumber
    const nowMs = Date.now()
    const voteOf = (voter: number) =>
      vote({ event, voter: voter as VoterNumber, contestant: 1 as ContestantIndex, ackedAtMs: nowMs })
    const append = (...voters: number[]) =>
      nats.js.publish(
        voteSubject(shard),
        logMessage.encode({ votes: voters.map(voteOf), closings: [], takeover: null, decisions: [] }),
      )
    for (const voters of [[2, 4], [6], [2, 8]]) await append(...voters)
    archive()
    await archivedTo(3)
    await stopAll()
    // As a batch that was cut off before its checkpoint, and an entry of an earlier log.
    const { generation } = await logPosition(nats, shard)
    await clickhouse.command({
      query: `INSERT INTO votes_log SELECT * REPLACE (sequence + 3 AS sequence, voter + 10 AS voter)
        FROM votes_log WHERE event = ${event} AND generation = '${generation}'`,
    })
    await clickhouse.command({
      query: `INSERT INTO votes_log SELECT * REPLACE ('earlier' AS generation, voter + 100 AS voter)
        FROM votes_log WHERE event = ${event} AND votes_log.generation = '${generation}'`,
    })
    await nats.jsm.streams.purge(voteStream(shard), { seq: 4 })
    await append(2, 10)
    tally()
    await until(() => at(4))
    const tallied = await redis.hgetall(`{s0}:event:${event}:tally`)
    assert.deepEqual(
      { ...tallied },
      { 1: '5', entries: '7', superseded: '2', sequence: '4', acked_at: String(nowMs) },
    )
  })

  it('waits for a ClickHouse that is away, that lacks rows, or that does not reach the log', async () => {
    const [log = []] = fc.sample(randomLog({ messagesMin: 5, messagesMax: 5 }), 1)
    for (const { data } of log) await nats.js.publish(voteSubject(shard), data)
    archive()
    await archivedTo(5)
    await stopAll()
    await nats.jsm.streams.purge(voteStream(shard), { seq: 6 })
    const { generation } = await logPosition(nats, shard)
    await servers.kill('clickhouse')
    const { signal } = new AbortController()
    const lane = { ...laneOptions(), signal }
    await assert.rejects(runTallyLane(lane))
    assert.equal(await redis.exists(checkpointKey(shard)), 0)
    await servers.start('clickhouse')
    tally()
    await until(() => at(5))
    assert.equal(await redis.hget(checkpointKey(shard), 'whole_at'), '5')
    await stopAll()
    await redis.flushall()
    await clickhouse.command({
      query: `ALTER TABLE votes_log DELETE WHERE generation = '${generation}' AND position = 0`,
      clickhouse_settings: { mutations_sync: '2' },
    })
    await assert.rejects(runTallyLane(lane), { name: 'ArchiveGapError', message: /lost \d+ rows/ })
    await clickhouse.command({ query: 'TRUNCATE TABLE window_tallies' })
    await assert.rejects(runTallyLane(lane), { name: 'ArchiveGapError' })
    assert.equal(await redis.exists(checkpointKey(shard)), 0)
    lane.publisher.stop()
  })

  it('that is being filled when Redis goes back in time is begun again', async () => {
    const { generation } = await logPosition(nats, shard)
    const voters = Array.from({ length: 10 }, (_, index) => index)
    const nowMs = Date.now()
    for (const event of [11, 12]) {
      const votes = voters.map((index) =>
        vote({ event: event as EventNumber, voter: (2 + index * 10_000) as VoterNumber, ackedAtMs: nowMs }),
      )
      await nats.js.publish(
        voteSubject(shard),
        logMessage.encode({ votes, closings: [], takeover: null, decisions: [] }),
      )
    }
    archive()
    await archivedTo(2)
    const { signal } = new AbortController()
    const outcomes = createArchivedOutcomes({ clickhouse, shard, generation, signal })
    const seed = (forget: (token: string, steps: number) => Promise<unknown>) =>
      createView(redis, shard).clear(
        () => logPosition(nats, shard),
        async (token) => {
          const filler = createViewFiller({ redis, shard, token })
          const forgetful = {
            fill: async (event: Parameters<typeof filler.fill>[0]) => {
              const filled = await filler.fill(event)
              await forget(token, filler.steps)
              return filled
            },
            steps: 0,
          }
          const sequence = await seedView({
            archive: outcomes,
            filler: forgetful,
            shards: SHARDS,
            firstSequence: 1,
            nowMs,
          })
          return { generation, sequence, steps: filler.steps }
        },
      )
    /** To the moment when the clearing had ended. */
    const goBack = async (token: string) => {
      await redis.flushall()
      await redis.hset(checkpointKey(shard), 'clearing', token)
    }
    await assert.rejects(seed((token, steps) => (steps === 1 ? goBack(token) : Promise.resolve())))
    await assert.rejects(seed((token, steps) => (steps === 2 ? goBack(token) : Promise.resolve())))
    assert.equal(await createView(redis, shard).checkpoint(), undefined)
    await seed(async () => undefined)
    assert.equal((await createView(redis, shard).checkpoint())?.sequence, 2)
    assert.equal(await redis.hget('{s0}:event:12:tally', 'entries'), '10')
  })
})
