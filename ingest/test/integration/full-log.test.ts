import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { contestantIndex, eventNumber, shardNumber, voterNumber } from '@votestream/schema/numbers'
import { ingestSubject, voteStream } from '@votestream/schema/subjects'
import { decodeOutcomes, type Outcome, submissionBatch, type Vote } from '@votestream/schema/votes'
import { runShardLane } from '../../src/shard-lane.js'

const shard = shardNumber(0)
const logger = createLogger('test', 'silent')
const PROMPT_MS = 1_000

const voteOf = (voter: number): Vote => ({
  event: eventNumber(7),
  voter: voterNumber(voter),
  contestant: contestantIndex(0),
  attempt: voter,
  ackedAtMs: 0,
  flags: 0,
  clientTimestampMs: 0,
  deviceId: 'a phone with a long name',
  appVersion: '1',
  channel: 1,
  traceId: '',
})

describe('a log that is full', function () {
  this.timeout(20_000)
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let stop: () => Promise<void>

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
    const ended = new AbortController()
    const done = runShardLane({
      nats,
      redis,
      shard,
      shards: 1,
      logger,
      instance: 'one',
      appendTimeoutMs: 500,
      waitingVotesMax: 10_000,
      now: Date.now,
      closings: new Map(),
      signal: ended.signal,
    })
    stop = async () => {
      ended.abort()
      await done
    }
    while ((await logPosition(nats, shard)).lastSequence < 2) await pause(10)
  })
  after(async () => {
    await stop()
    redis.disconnect()
    await nats.close()
    await servers.stop()
  })

  const limit = async (bytesMax: number) => {
    const { config } = await nats.jsm.streams.info(voteStream(shard))
    await nats.jsm.streams.update(voteStream(shard), { ...config, max_bytes: bytesMax })
  }
  const submit = async (votes: Vote[]): Promise<Outcome[] | null> => {
    const payload = submissionBatch.encode({ votes })
    return decodeOutcomes(
      (await nats.connection.request(ingestSubject(shard), payload, { timeout: 5_000 })).data,
    )
  }

  it('refuses votes at once, forgets none, and takes them again as soon as there is room', async () => {
    while ((await submit([voteOf(1)]).catch(() => null))?.[0] === undefined) await pause(10)
    const { state } = await nats.jsm.streams.info(voteStream(shard))
    await limit(state.bytes + 10)
    // The first ones find out; the others are behind them or are turned away.
    const beganMs = performance.now()
    const outcomes = await Promise.all([2, 3, 4, 5].map((voter) => submit([voteOf(voter)])))
    assert.deepEqual(outcomes, [['unavailable'], ['unavailable'], ['unavailable'], ['unavailable']])
    assert.deepEqual(await submit([voteOf(2)]), ['unavailable'])
    assert.ok(performance.now() - beganMs < PROMPT_MS)
    const full = await nats.jsm.streams.info(voteStream(shard))
    assert.equal(full.state.first_seq, 1)
    assert.equal(full.state.last_seq, state.last_seq)

    await limit(-1)
    let repeated = await submit([voteOf(2)])
    while (repeated?.[0] === 'unavailable') {
      await pause(20)
      repeated = await submit([voteOf(2)])
    }
    // Refused before, and in the log all the same: the same attempt is told so.
    assert.deepEqual(repeated, ['accepted'])
    assert.deepEqual(await submit([{ ...voteOf(2), attempt: 99 }]), ['duplicate'])
    assert.deepEqual(await submit([voteOf(6)]), ['accepted'])
  })
})
