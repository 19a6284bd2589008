import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { contestantIndex, eventNumber, shardNumber, voterNumber } from '@votestream/schema/numbers'
import { decideSubject, ingestSubject, voteStream, voteSubject } from '@votestream/schema/subjects'
import {
  type Decision,
  decideReply,
  decideRequest,
  type LogMessage,
  logMessage,
  submissionBatch,
  VERDICT,
} from '@votestream/schema/votes'
import { runShardLane } from '../../src/shard-lane.js'

const SHARDS = 2
const shard = shardNumber(0)
const logger = createLogger('test', 'silent')

const requestOf = (change: Partial<Decision> = {}): Decision => ({
  event: eventNumber(7),
  voter: voterNumber(4),
  contestant: contestantIndex(1),
  votedAtMs: 1_700_000_000_000,
  verdict: VERDICT.reject,
  decidedAtMs: 0,
  decidedBy: voterNumber(9),
  attempt: 1,
  ...change,
})

describe("an operator's decision", () => {
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  const lanes: { stop: () => Promise<void> }[] = []

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
  })
  after(async () => {
    redis.disconnect()
    await servers.stop()
  })
  beforeEach(async () => {
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    for (const each of [0, 1]) {
      await nats.jsm.streams.delete(voteStream(shardNumber(each))).catch(() => undefined)
    }
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
  })
  afterEach(async () => {
    for (const lane of lanes.splice(0)) await lane.stop()
    await nats.close()
  })

  const startLane = (instance: string, on = nats) => {
    const abort = new AbortController()
    const done = runShardLane({
      nats: on,
      redis,
      shard,
      shards: SHARDS,
      logger,
      instance,
      appendTimeoutMs: 500,
      waitingVotesMax: 10_000,
      now: Date.now,
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

  const ask = async (payload: Uint8Array): Promise<boolean> =>
    decideReply.decode(
      (await nats.connection.request(decideSubject(shard), payload, { timeout: 5_000 })).data,
    ).decided
  const decide = (decision: Decision): Promise<boolean> => ask(decideRequest.encode({ decision }))
  /** Asks until an owner has done it. */
  const decideWhenOwned = async (decision: Decision): Promise<void> => {
    while (!(await decide(decision).catch(() => false))) await pause(20)
  }

  const logged = async (): Promise<LogMessage[]> => {
    const messages: LogMessage[] = []
    const { lastSequence: toSequence } = await logPosition(nats, shard)
    const { signal } = new AbortController()
    const range = { nats, shard, fromSequence: 1, toSequence, batchMax: 100, signal }
    for await (const entries of readLogRange(range)) {
      for (const { data } of entries) messages.push(logMessage.decode(data))
    }
    return messages
  }
  const decisions = async (): Promise<Decision[]> => (await logged()).flatMap((message) => message.decisions)

  it('is in the log before the answer, as it was asked for and with its time', async () => {
    startLane('one')
    const before = Date.now()
    await decideWhenOwned(requestOf())
    const [decision, ...others] = await decisions()
    assert.equal(others.length, 0)
    assert.ok(decision)
    const { decidedAtMs, ...rest } = { ...requestOf(), ...decision }
    assert.ok(decidedAtMs >= before)
    assert.deepEqual({ ...rest, decidedAtMs: 0 }, requestOf())
  })

  it('stands behind the vote that it is about, which is still on its way to disk', async () => {
    startLane('one')
    await decideWhenOwned(requestOf({ voter: voterNumber(2) }))
    const numbers = { flags: 0, clientTimestampMs: 0, channel: 1, attempt: 5, ackedAtMs: 0 }
    const texts = { deviceId: '', appVersion: '', traceId: '' }
    const { event, voter, contestant } = requestOf()
    const votes = [{ event, voter, contestant, ...numbers, ...texts }]
    const voting = nats.connection.request(ingestSubject(shard), submissionBatch.encode({ votes }))
    const [decided] = await Promise.all([decide(requestOf({ attempt: 2 })), voting])
    assert.ok(decided)
    const messages = await logged()
    const voteAt = messages.findIndex((message) => message.votes.length > 0)
    const decisionAt = messages.findIndex((message) => message.decisions.some((each) => each.voter === voter))
    assert.ok(voteAt >= 0 && decisionAt >= voteAt)
  })

  it('asked again, by a copy or by a gateway that heard no answer, is in the log once, whoever owns it', async () => {
    const first = startLane('one')
    await decideWhenOwned(requestOf())
    assert.deepEqual(await Promise.all([decide(requestOf()), decide(requestOf())]), [true, true])
    await first.stop()
    startLane('two')
    await decideWhenOwned(requestOf())
    assert.equal((await decisions()).length, 1)
    await decideWhenOwned(requestOf({ attempt: 2, verdict: VERDICT.admit }))
    assert.ok(await decide(requestOf()), 'a late copy of the first')
    assert.deepEqual(
      (await decisions()).map(({ verdict }) => verdict),
      [VERDICT.reject, VERDICT.admit],
    )
  })

  it('that makes no sense is not taken, and disturbs nobody', async () => {
    startLane('one')
    await decideWhenOwned(requestOf({ voter: voterNumber(2) }))
    const senseless: Partial<Decision>[] = [
      { event: 0 as never },
      { voter: 0 as never },
      { voter: voterNumber(5) },
      { contestant: 500 as never },
      { verdict: 0 },
      { verdict: 3 },
      { votedAtMs: 0 },
    ]
    for (const change of senseless) {
      assert.equal(await decide(requestOf({ attempt: 2, ...change })), false, JSON.stringify(change))
    }
    const unreadable = [decideRequest.encode({ decision: null }), Uint8Array.of(), Uint8Array.of(255, 1, 2)]
    for (const bytes of unreadable) assert.equal(await ask(bytes), false)
    assert.equal((await decisions()).length, 1)
    assert.ok(await decide(requestOf({ attempt: 3 })))
  })

  it('is never called done by an owner that another one has followed', async () => {
    const stale = startLane('stale')
    await decideWhenOwned(requestOf())
    const { lastSequence } = await logPosition(nats, shard)
    const takeover = { votes: [], closings: [], takeover: { owner: 'new' }, decisions: [] }
    await nats.js.publish(voteSubject(shard), logMessage.encode(takeover), { expect: { lastSequence } })
    assert.equal(await decide(requestOf({ attempt: 2 })), false)
    assert.match(String(await stale.outcome), /OwnershipLost/)
    assert.equal((await decisions()).length, 1)
  })

  it('is not called done before the broker has it on disk', async () => {
    startLane('one')
    await decideWhenOwned(requestOf())
    const { lastSequence } = await logPosition(nats, shard)
    // The log takes nothing any more, and says nothing of it: no stream listens to the subject.
    await nats.jsm.streams.update(voteStream(shard), { subjects: ['votes.elsewhere'] })
    const answers: boolean[] = []
    const asking = decide(requestOf({ attempt: 2 })).then((decided) => answers.push(decided))
    await decide(requestOf({ attempt: 1 }))
    await nats.connection.flush()
    assert.deepEqual(answers, [])
    await nats.jsm.streams.update(voteStream(shard), { subjects: [voteSubject(shard)] })
    await asking
    assert.deepEqual(answers, [true])
    assert.equal((await logPosition(nats, shard)).lastSequence, lastSequence + 1)
  })
})
