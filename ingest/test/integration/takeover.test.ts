import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { brokerTimeMs } from '@votestream/infra/broker-clock'
import { createHalts } from '@votestream/infra/halts'
import { createMetrics } from '@votestream/infra/health-server'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams, openEventsBucket } from '@votestream/infra/streams'
import {
  contestantIndex,
  type EventNumber,
  eventNumber,
  shardNumber,
  voterNumber,
} from '@votestream/schema/numbers'
import { checkpointKey, chunksKey, eventsKey, tallyKey, votedKey } from '@votestream/schema/redis-keys'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { logMessage, UnknownVersionError } from '@votestream/schema/votes'
import { createHalting } from '../../src/halting.js'
import { runShardLane } from '../../src/shard-lane.js'
import { takeOver } from '../../src/takeover.js'

const shard = shardNumber(0)
const events = [eventNumber(7), eventNumber(8)]
const voter = voterNumber(3)
const logger = createLogger('test', 'silent')

describe('taking over a shard', () => {
  let servers: TestServers
  let nats: Nats
  let redis: Redis

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
  })
  after(async () => {
    redis.disconnect()
    await nats.close()
    await servers.stop()
  })
  beforeEach(async () => {
    await nats.jsm.streams.delete(voteStream(shard)).catch(() => undefined)
    await redis.flushall()
    await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
  })

  const append = async (event: EventNumber, ackedAtMs: number): Promise<void> => {
    const numbers = { flags: 0, clientTimestampMs: 0, channel: 1, attempt: event + 100, ackedAtMs }
    const vote = { ...numbers, event, voter, contestant: contestantIndex(0) }
    const votes = [{ ...vote, deviceId: '', appVersion: '', traceId: '' }]
    await nats.js.publish(
      voteSubject(shard),
      logMessage.encode({ votes, closings: [], takeover: null, decisions: [] }),
    )
  }

  /** The view as it stands when so many of the events are in it again. */
  const putView = async (eventsThere: number, ackedAtMs = 1_000): Promise<void> => {
    const { generation } = await logPosition(nats, shard)
    const view = redis.multi().flushall()
    for (const event of events.slice(0, eventsThere)) {
      view.sadd(eventsKey(shard), event).setbit(chunksKey(shard, event), 0, 1)
      view.setbit(votedKey(shard, event, 0), voter, 1).hset(tallyKey(shard, event), 'acked_at', ackedAtMs)
    }
    view.hset(checkpointKey(shard), { generation, sequence: eventsThere, whole_at: events.length })
    await view.exec()
  }

  const options = (on: Redis) => ({
    nats,
    redis: on,
    shard,
    shards: 1,
    logger,
    signal: new AbortController().signal,
  })

  /** Redis, with a word before each call that reaches it. */
  const withNotice = (before: (call: number) => Promise<void>): Redis => {
    let calls = 0
    const noticed = <Target extends object>(target: Target, names: readonly string[]): Target => {
      const proxy: Target = new Proxy(target, {
        get(_, name) {
          const value = Reflect.get(target, name)
          if (name === 'multi') return () => noticed(redis.multi(), ['exec'])
          if (typeof value !== 'function') return value
          if (names.includes(String(name)))
            return async (...args: unknown[]) => {
              await before(calls++)
              return value.apply(target, args)
            }
          return (...args: unknown[]) => {
            const result = value.apply(target, args)
            return result === target ? proxy : result
          }
        },
      })
      return proxy
    }
    return noticed(redis, ['hmget', 'hexists', 'smembers', 'getBuffer', 'mgetBuffer'])
  }

  it('misses nobody when Redis loses its data and has it again, at whatever moment of the reading', async () => {
    for (const event of events) await append(event, 1_000)
    for (let at = 0; at < 12; at += 1) {
      for (const there of [0, 1]) {
        await putView(events.length)
        const flaky = withNotice(async (call) => {
          if (call === at) await putView(there)
          if (call === at + 1) await putView(events.length)
        })
        const { state } = await takeOver(options(flaky))
        for (const event of events) assert.ok(state.voted.has(event, voter), `event ${event}, call ${at}`)
      }
    }
  })

  it('the last acked_at is known from Redis where the log after it has none', async () => {
    const aheadMs = Date.now() + 3_600_000
    for (const event of events) await append(event, aheadMs)
    await putView(events.length, aheadMs)
    await nats.js.publish(
      voteSubject(shard),
      logMessage.encode({ votes: [], closings: [], takeover: { owner: 'another' }, decisions: [] }),
    )
    const { state } = await takeOver(options(redis))
    assert.equal(state.lastAckedAtMs, aheadMs)
  })

  it('what Redis has need not be read of the log before votes are taken; its attempts are learned after', async () => {
    for (const event of events) await append(event, Date.now())
    await putView(events.length)
    const { state, learnAttempts } = await takeOver(options(redis))
    assert.equal(state.attemptsKnown, false)
    assert.equal(state.attempts.is(eventNumber(7), voter, 107), false)
    await learnAttempts()
    assert.equal(state.attempts.is(eventNumber(7), voter, 107), true)
  })

  for (const [jump, jumpMs] of [
    ['ahead', 3_600_000],
    ['behind', -3_600_000],
  ] as const) {
    it(`attempts are learned by an owner whose clock is an hour ${jump}, from Redis and the log or from the log`, async () => {
      for (const event of events) await append(event, Date.now())
      const { now } = Date
      for (const fromRedis of [true, false]) {
        if (fromRedis) await putView(events.length)
        else await redis.flushall()
        Date.now = () => now() + jumpMs
        try {
          const { state, learnAttempts } = await takeOver(options(redis))
          await learnAttempts()
          for (const event of events) assert.ok(state.attempts.is(event, voter, event + 100))
        } finally {
          Date.now = now
        }
      }
    })
  }

  it('the broker tells what time it is, also where nothing was ever written', async () => {
    await openEventsBucket(nats, 1)
    const before = Date.now()
    const brokerMs = await brokerTimeMs(nats)
    assert.ok(brokerMs >= before - 1 && brokerMs <= Date.now() + 1, `${brokerMs - before} ms off`)
  })

  it("what is damaged in the log blocks no takeover, and is nobody's vote", async () => {
    const damaged = Buffer.from('ff00ff00ff00', 'hex')
    await nats.js.publish(voteSubject(shard), damaged)
    await append(eventNumber(7), 1_000)
    await append(4_294_967_296 as EventNumber, 1_000)
    await nats.js.publish(voteSubject(shard), damaged)
    const { state, lastSequence } = await takeOver(options(redis))
    assert.equal(lastSequence, 4)
    assert.ok(state.voted.has(eventNumber(7), voter))
    assert.ok(!state.voted.has(eventNumber(8), voter))
  })

  it('a message of a newer version lets nobody take over, until Redis tells what it says', async () => {
    await append(eventNumber(7), 1_000)
    // Version 9, and nothing else.
    await nats.js.publish(voteSubject(shard), Uint8Array.of(8, 9))
    await assert.rejects(takeOver(options(redis)), UnknownVersionError)
    await putView(events.length)
    assert.ok((await takeOver(options(redis))).state.voted.has(eventNumber(8), voter))
  })

  it('a shard that halted before a newer version goes on by itself when Redis tells what it says', async () => {
    await append(eventNumber(7), 1_000)
    await nats.js.publish(voteSubject(shard), Uint8Array.of(8, 9))
    const halts = createHalts(createMetrics())
    const abort = new AbortController()
    const run = (onLearned: () => void) =>
      runShardLane({
        ...{ nats, redis, shard, shards: 1, logger, onLearned, signal: abort.signal, now: Date.now },
        ...{ instance: 'one', appendTimeoutMs: 500, waitingVotesMax: 100, closings: new Map() },
      })
    const lane = createHalting({ logger, halts, againMs: 20 })(shard, abort.signal, run)
    while (halts.list().length === 0) await pause(5)
    assert.match(halts.list()[0] ?? '', /shard 0.*version 9/)
    assert.equal((await logPosition(nats, shard)).lastSequence, 2, 'nothing is appended behind it')
    await putView(events.length)
    // The message stands among the recent ones, whose attempts must be known too.
    await nats.jsm.streams.purge(voteStream(shard), { seq: 3 })
    while (halts.list().length > 0) await pause(5)
    abort.abort()
    await lane
  })

  it('what was learned ahead is gone on with from where it ends, unless the log is another one', async () => {
    await append(eventNumber(7), 1_000)
    const ahead = await takeOver(options(redis))
    await append(eventNumber(8), 1_000)
    const next = await takeOver({ ...options(redis), ahead })
    assert.equal(next.state, ahead.state)
    assert.equal(next.lastSequence, 2)
    for (const event of events) assert.ok(next.state.voted.has(event, voter))
    await nats.jsm.streams.delete(voteStream(shard))
    await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
    for (let message = 0; message < 3; message += 1) await append(eventNumber(8), 1_000)
    const anew = await takeOver({ ...options(redis), ahead: next })
    assert.equal(anew.lastSequence, 3)
    assert.equal(anew.state.voted.has(eventNumber(7), voter), false)
  })
})
