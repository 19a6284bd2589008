import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { contestantIndex, eventNumber, shardNumber, voterNumber } from '@votestream/schema/numbers'
import { checkpointKey, chunksKey, eventsKey, tallyKey, votedKey } from '@votestream/schema/redis-keys'
import {
  closeSubject,
  decideSubject,
  ingestSubject,
  voteStream,
  voteSubject,
} from '@votestream/schema/subjects'
import { bitPosition } from '@votestream/schema/voted-set'
import {
  closeReply,
  closeRequest,
  decodeOutcomes,
  logMessage,
  type Outcome,
  submissionBatch,
  type Vote,
} from '@votestream/schema/votes'
import { TAKEOVER_RECORDS } from '../../src/group-commit.js'
import { runShardLane } from '../../src/shard-lane.js'

const shard = shardNumber(0)
const event = eventNumber(7)
const logger = createLogger('test', 'silent')

const voteOf = (voter: number, attempt = voter): Vote => ({
  event,
  voter: voterNumber(voter),
  contestant: contestantIndex(voter % 3),
  attempt,
  ackedAtMs: 0,
  flags: 0,
  clientTimestampMs: 0,
  deviceId: 'phone',
  appVersion: '1',
  channel: 1,
  traceId: '',
})

describe("the lane of a shard's owner", () => {
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  const lanes: { stop: () => Promise<void> }[] = []

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
  })
  after(() => servers.stop())

  beforeEach(async () => {
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    await nats.jsm.streams.delete(voteStream(shard)).catch(() => undefined)
    await redis.flushall()
    await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
  })
  afterEach(async () => {
    for (const lane of lanes.splice(0)) await lane.stop()
    redis.disconnect()
    await nats.close()
  })

  const startLane = (instance: string, now = Date.now) => {
    const abort = new AbortController()
    const done = runShardLane({
      nats,
      redis,
      shard,
      shards: 1,
      logger,
      instance,
      appendTimeoutMs: 500,
      waitingVotesMax: 10_000,
      now,
      closings: new Map(),
      signal: abort.signal,
    })
    const outcome = done.then(
      () => 'stopped' as const,
      (error: Error) => error,
    )
    const stop = async () => {
      abort.abort()
      await outcome
    }
    lanes.push({ stop })
    return { stop, outcome }
  }

  const submit = async (votes: Vote[], timeout = 5_000): Promise<Outcome[] | null> =>
    decodeOutcomes(
      (await nats.connection.request(ingestSubject(shard), submissionBatch.encode({ votes }), { timeout }))
        .data,
    )

  /** Asks until an owner answers. */
  const submitWhenOwned = async (votes: Vote[]): Promise<Outcome[]> => {
    for (;;) {
      const outcomes = await submit(votes).catch(() => null)
      if (outcomes && !outcomes.includes('unavailable')) return outcomes
      await pause(20)
    }
  }

  const logged = async (): Promise<Vote[]> => {
    const votes: Vote[] = []
    const { lastSequence: toSequence } = await logPosition(nats, shard)
    const { signal } = new AbortController()
    for await (const entries of readLogRange({
      nats,
      shard,
      fromSequence: 1,
      toSequence,
      batchMax: 100,
      signal,
    })) {
      for (const { data } of entries) votes.push(...logMessage.decode(data).votes)
    }
    return votes
  }

  it('an accepted vote is in the log, as it was sent and with its time', async () => {
    startLane('one')
    const before = Date.now()
    assert.deepEqual(await submitWhenOwned([voteOf(1)]), ['accepted'])
    const [vote] = await logged()
    assert.equal(vote?.voter, 1)
    assert.equal(vote?.deviceId, 'phone')
    assert.ok((vote?.ackedAtMs ?? 0) >= before)
  })

  it('a question whose answer would go into the log is not taken, and writes nothing', async () => {
    startLane('one')
    await submitWhenOwned([voteOf(1)])
    const { lastSequence } = await logPosition(nats, shard)
    for (const subject of [ingestSubject(shard), closeSubject(shard), decideSubject(shard)]) {
      const question = submissionBatch.encode({ votes: [voteOf(2)] })
      nats.connection.publish(subject, question, { reply: voteSubject(shard) })
    }
    // Questions are taken in their order: this one behind them is answered.
    assert.deepEqual(await submitWhenOwned([voteOf(1, 9)]), ['duplicate'])
    await nats.connection.flush()
    assert.equal((await logPosition(nats, shard)).lastSequence, lastSequence)
  })

  it('a hundred identical votes at once: one is accepted, ninety-nine are duplicates, one is in the log', async () => {
    startLane('one')
    await submitWhenOwned([voteOf(1)])
    const same = Array.from({ length: 100 }, (_, attempt) => voteOf(2, 1_000 + attempt))
    const halves = await Promise.all([submit(same.slice(0, 50)), submit(same.slice(50))])
    const outcomes = halves.flatMap((half) => half ?? [])
    assert.equal(outcomes.filter((outcome) => outcome === 'accepted').length, 1)
    assert.equal(outcomes.filter((outcome) => outcome === 'duplicate').length, 99)
    assert.equal((await logged()).filter(({ voter }) => voter === 2).length, 1)
  })

  it('a new owner knows from the log alone who has voted, and which attempt it was', async () => {
    const first = startLane('one')
    await submitWhenOwned([voteOf(1, 11), voteOf(2, 22)])
    await first.stop()
    startLane('two')
    assert.deepEqual(await submitWhenOwned([voteOf(1, 11), voteOf(2, 99), voteOf(3, 33)]), [
      'accepted',
      'duplicate',
      'accepted',
    ])
    assert.equal((await logged()).length, 3)
  })

  it("owners whose clocks are hours apart know each other's attempts, and acked_at never goes back", async () => {
    const hours = [0, 1, -1, 0]
    for (const [turn, ahead] of hours.entries()) {
      const lane = startLane(`owner-${turn}`, () => Date.now() + ahead * 3_600_000)
      const before = Array.from({ length: turn }, (_, voter) => voteOf(voter + 1, 100 + voter))
      const expected = [...before.map(() => 'accepted'), 'accepted', 'duplicate']
      const votes = [...before, voteOf(turn + 1, 100 + turn), voteOf(1, 7 + turn)]
      assert.deepEqual(await submitWhenOwned(votes), expected)
      await lane.stop()
    }
    const times = (await logged()).map(({ ackedAtMs }) => ackedAtMs)
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    )
    assert.equal(times.length, hours.length)
  })

  it('a new owner takes who has voted from Redis as far as it goes, and from the log after it', async () => {
    const first = startLane('one')
    await submitWhenOwned([voteOf(1)])
    await first.stop()
    const { generation, lastSequence } = await logPosition(nats, shard)
    // Voter 5000 stands only in Redis: an answer about it cannot have come from the log.
    const { chunk, offset } = bitPosition(voterNumber(5000), 1)
    await redis.sadd(eventsKey(shard), event)
    await redis.hset(tallyKey(shard, event), 'sequence', lastSequence)
    await redis.setbit(chunksKey(shard, event), chunk, 1)
    await redis.setbit(votedKey(shard, event, chunk), offset, 1)
    await redis.hset(checkpointKey(shard), { generation, sequence: lastSequence, whole_at: 0 })
    const second = startLane('two')
    await submitWhenOwned([voteOf(2, 22)])
    await second.stop()
    startLane('three')
    assert.deepEqual(await submitWhenOwned([voteOf(5000), voteOf(2, 23), voteOf(3)]), [
      'duplicate',
      'duplicate',
      'accepted',
    ])
  })

  it('a view of Redis that is being made anew, or of another log, is not believed', async () => {
    const { chunk, offset } = bitPosition(voterNumber(5000), 1)
    await redis.sadd(eventsKey(shard), event)
    await redis.setbit(chunksKey(shard, event), chunk, 1)
    await redis.setbit(votedKey(shard, event, chunk), offset, 1)
    await redis.hset(checkpointKey(shard), { generation: 'another', sequence: 0, whole_at: 0 })
    const first = startLane('one')
    assert.deepEqual(await submitWhenOwned([voteOf(5000)]), ['accepted'])
    await first.stop()
    // Far enough by its sequence, but not whole yet: the voter is not in it.
    const { generation, lastSequence } = await logPosition(nats, shard)
    await redis.flushall()
    const wholeAt = lastSequence + 1
    await redis.hset(checkpointKey(shard), { generation, sequence: lastSequence, whole_at: wholeAt })
    startLane('two')
    assert.deepEqual(await submitWhenOwned([voteOf(5000, 1)]), ['duplicate'])
  })

  it('an owner that another one has followed can append nothing, and says that it cannot tell', async () => {
    const stale = startLane('stale')
    await submitWhenOwned([voteOf(1)])
    // What a new owner does first; the stale one has not noticed.
    const { lastSequence } = await logPosition(nats, shard)
    await nats.js.publish(
      voteSubject(shard),
      logMessage.encode({ votes: [], closings: [], takeover: { owner: 'new' }, decisions: [] }),
      { expect: { lastSequence } },
    )
    assert.deepEqual(await submit([voteOf(2)]), ['unavailable'])
    assert.match(String(await stale.outcome), /OwnershipLost/)
    assert.equal((await logged()).length, 1)
  })

  it('a closing is in the log before the answer, once, and no vote stands after it', async () => {
    startLane('one')
    await submitWhenOwned([voteOf(1)])
    const closes = await Promise.all(
      [1, 2, 3].map(async () => {
        const reply = await nats.connection.request(closeSubject(shard), closeRequest.encode({ event }))
        return closeReply.decode(reply.data).closed
      }),
    )
    assert.deepEqual(closes, [true, true, true])
    assert.deepEqual(await submit([voteOf(2)]), ['closed'])
    const { lastSequence } = await logPosition(nats, shard)
    assert.equal(lastSequence, TAKEOVER_RECORDS + 2, 'the takeover, a vote, a closing')
  })

  it('votes go on without Redis, duplicates included', async () => {
    const first = startLane('one')
    await submitWhenOwned([voteOf(1)])
    await servers.kill('redis')
    try {
      assert.deepEqual(await submit([voteOf(1, 2), voteOf(2)]), ['duplicate', 'accepted'])
      await first.stop()
      startLane('two')
      assert.deepEqual(await submitWhenOwned([voteOf(1, 3), voteOf(3)]), ['duplicate', 'accepted'])
    } finally {
      await servers.start('redis')
    }
  })

  it('a broker that dies in the middle loses nothing and doubles nothing', async () => {
    startLane('one')
    await submitWhenOwned([voteOf(1)])
    const voters = Array.from({ length: 400 }, (_, index) => index + 10)
    const accepted: number[] = []
    const crowd = voters.map(async (voter) => {
      await pause(voter)
      for (;;) {
        const outcomes = await submit([voteOf(voter)], 1_000).catch(() => null)
        if (outcomes?.[0] === 'accepted') return void accepted.push(voter)
        assert.notEqual(outcomes?.[0], 'duplicate', 'the same attempt is never a duplicate')
        await pause(20)
      }
    })
    while (accepted.length < 50) await pause(5)
    await servers.crash('nats')
    await Promise.all(crowd)
    const voted = (await logged()).map(({ voter }) => Number(voter))
    assert.equal(new Set(voted).size, voted.length, 'nobody is in the log twice')
    assert.deepEqual(new Set(voted), new Set([1, ...accepted]))
  })
})
