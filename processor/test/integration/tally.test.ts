import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createHalts } from '@votestream/infra/halts'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { contestantIndex, eventNumber, shardNumber, voterNumber } from '@votestream/schema/numbers'
import {
  checkpointKey,
  eventsKey,
  rejectedKey,
  shardPattern,
  tallyKey,
  votedKey,
  windowKey,
  windowStart,
} from '@votestream/schema/redis-keys'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { parseTally } from '@votestream/schema/tally'
import { bitPosition } from '@votestream/schema/voted-set'
import { type BoardPart, logMessage, type Vote } from '@votestream/schema/votes'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { createPartPublisher } from '../../src/publish/part-publisher.js'
import { stretchCall } from '../../src/tally/stretch.js'
import { runTallyLane, type TallyLaneOptions } from '../../src/tally/tally-lane.js'
import { createView } from '../../src/tally/view.js'

const shard = shardNumber(0)
const event = eventNumber(7)
const logger = createLogger('test', 'silent')
const nowMs = Date.now()

const voteOf = (voter: number, contestant = 0, more: Partial<Vote> = {}): Vote => ({
  event,
  voter: voterNumber(voter),
  contestant: contestantIndex(contestant),
  attempt: voter,
  ackedAtMs: nowMs,
  flags: 0,
  clientTimestampMs: 0,
  deviceId: '',
  appVersion: '',
  channel: 1,
  traceId: '',
  ...more,
})

const message = (votes: Vote[], closes = false) => ({
  votes,
  closings: closes ? [{ event, closedAtMs: nowMs }] : [],
  takeover: null,
  decisions: [],
})

describe('the tally', () => {
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
    await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
    await redis.flushall()
  })

  const begin = async (generation = 'g') => {
    const view = createView(redis, shard)
    await view.clear(async () => ({ generation, firstSequence: 1, lastSequence: 0 }))
    return view
  }
  const options = (previous: number) => ({ shard, shards: 1, generation: 'g', previous })
  const tallyNow = async () => parseTally(Object.entries(await redis.hgetall(tallyKey(shard, event))).flat())

  describe('of one stretch of the log', () => {
    it('counts each voter once, flags and late votes apart, in the order of the log', async () => {
      const view = await begin()
      const messages = [
        { sequence: 1, ...message([voteOf(1, 2), voteOf(2, 2), voteOf(1, 0)]) },
        { sequence: 2, ...message([voteOf(3, 1, { flags: 1 }), voteOf(2, 1)]) },
        { sequence: 3, ...message([voteOf(4, 0)], true) },
        { sequence: 4, ...message([voteOf(5, 0), voteOf(4, 0)]) },
      ]
      const answer = await view.apply(stretchCall(messages, options(0)))
      assert.ok(answer.applied)
      const tally = await tallyNow()
      assert.deepEqual(tally, {
        totals: [1, 0, 2],
        sequence: 4,
        ackedAtMs: nowMs,
        entries: 8,
        rejected: 2,
        superseded: 3,
        dead: 0,
        closedAtMs: nowMs,
      })
      assert.deepEqual(answer.tallies.get(event), tally)
      const bit = async (key: typeof votedKey, voter: number) => {
        const { chunk, offset } = bitPosition(voterNumber(voter), 1)
        return redis.getbit(key(shard, event, chunk), offset)
      }
      for (const voter of [1, 2, 3, 4, 5]) assert.equal(await bit(votedKey, voter), 1)
      assert.deepEqual(
        await Promise.all([1, 2, 3, 4, 5].map((voter) => bit(rejectedKey, voter))),
        [0, 0, 1, 0, 1],
      )
      assert.deepEqual(await redis.hgetall(windowKey(shard, event, windowStart(nowMs))), { 0: '1', 2: '2' })
      assert.deepEqual(await redis.smembers(eventsKey(shard)), [String(event)])
    })

    it('remembers who has voted, whether one comes or many do, in the order of their numbers or in none', async () => {
      const view = await begin()
      const ascending = Array.from({ length: 60 }, (_, index) => 7 + 3 * index)
      const stretches = [
        [2_000],
        ascending,
        [4_095],
        [...ascending].map((voter) => 4_000 - voter).reverse(),
        [1],
      ]
      for (const [index, voters] of stretches.entries()) {
        const votes = voters.map((voter) => voteOf(voter))
        await view.apply(stretchCall([{ sequence: index + 1, ...message(votes) }], options(index)))
      }
      const bits = await redis.getBuffer(votedKey(shard, event, 0))
      const found = Array.from({ length: 4_096 }, (_, offset) => offset).filter(
        (offset) => ((bits?.[offset >> 3] ?? 0) & (128 >> (offset & 7))) !== 0,
      )
      const all = stretches.flat().sort((a, b) => a - b)
      assert.deepEqual(found, all)
      const again = { sequence: stretches.length + 1, ...message(all.map((voter) => voteOf(voter))) }
      await view.apply(stretchCall([again], options(stretches.length)))
      const { totals, superseded } = await tallyNow()
      assert.deepEqual([totals, superseded], [[all.length], all.length])
    })

    it('sent again, it changes nothing', async () => {
      const view = await begin()
      const call = stretchCall([{ sequence: 1, ...message([voteOf(1), voteOf(2)]) }], options(0))
      assert.ok((await view.apply(call)).applied)
      const before = await redis.hgetall(tallyKey(shard, event))
      assert.equal((await view.apply(call)).applied, false)
      assert.deepEqual(await redis.hgetall(tallyKey(shard, event)), before)
    })

    it('of another log, or not following on, it is refused whole', async () => {
      const view = await begin()
      const messages = [{ sequence: 5, ...message([voteOf(1)]) }]
      assert.equal((await view.apply(stretchCall(messages, options(4)))).applied, false)
      const foreign = { ...options(0), generation: 'another' }
      assert.equal((await view.apply(stretchCall(messages, foreign))).applied, false)
      assert.deepEqual(await redis.keys(shardPattern(shard)), [checkpointKey(shard)])
    })

    it('that meets a key of a wrong type writes nothing at all', async () => {
      const view = await begin()
      await redis.set(windowKey(shard, event, windowStart(nowMs)), 'not a hash')
      const call = stretchCall([{ sequence: 1, ...message([voteOf(1)]) }], options(0))
      await assert.rejects(view.apply(call), /WRONGTYPE/)
      assert.equal(await redis.exists(tallyKey(shard, event)), 0)
      assert.equal(await redis.exists(votedKey(shard, event, 0)), 0)
      assert.equal((await view.checkpoint())?.sequence, 0)
    })

    it('begins on no view that came back while it was cleared: Redis may be restored at any moment', async () => {
      const view = await begin()
      const messages = [{ sequence: 1, ...message([voteOf(1)]) }]
      assert.ok((await view.apply(stretchCall(messages, options(0)))).applied)
      const keys = [eventsKey(shard), tallyKey(shard, event)] as const
      const [events, tally] = await Promise.all(keys.map((key) => redis.dumpBuffer(key)))
      const cleared = view.clear(async () => {
        assert.equal(await redis.exists(...keys), 0)
        await redis.restore(keys[0], 0, events ?? '')
        await redis.restore(keys[1], 0, tally ?? '')
        return { generation: 'g', firstSequence: 1, lastSequence: 1 }
      })
      await assert.rejects(cleared)
      assert.equal(await view.checkpoint(), undefined)
      await begin()
      assert.ok((await view.apply(stretchCall(messages, options(0)))).applied)
      assert.equal((await tallyNow()).entries, 1)
    })

    it('makes no window again that is no longer kept', async () => {
      const view = await begin()
      const old = nowMs - 2 * 3_600_000
      await view.apply(
        stretchCall([{ sequence: 1, ...message([voteOf(1, 0, { ackedAtMs: old })]) }], options(0)),
      )
      assert.equal(await redis.exists(windowKey(shard, event, windowStart(old))), 0)
      assert.equal((await tallyNow()).totals[0], 1)
    })

    it('however the log is cut into stretches, the view is the same', async () => {
      const votes = fc.array(
        fc.record({
          voter: fc.integer({ min: 1, max: 30 }),
          contestant: fc.integer({ min: 0, max: 4 }),
          flags: fc.constantFrom(0, 0, 0, 1),
        }),
        { maxLength: 6 },
      )
      const log = fc.array(fc.record({ votes, closes: fc.constantFrom(false, false, false, true) }), {
        minLength: 1,
        maxLength: 8,
      })
      await fc.assert(
        fc.asyncProperty(
          log,
          fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 8 }),
          async (drawn, cuts) => {
            const messages = drawn.map(({ votes: cast, closes }, index) => ({
              sequence: index + 1,
              ...message(
                cast.map(({ voter, contestant, flags }) => voteOf(voter * 1_000, contestant, { flags })),
                closes,
              ),
            }))
            const dump = async () => {
              const keys = (await redis.keys('*')).sort()
              return Promise.all(keys.map(async (key) => [key, (await redis.dump(key)) ?? '']))
            }
            const apply = async (cut: (at: number) => number) => {
              await redis.flushall()
              const view = await begin()
              for (let at = 0; at < messages.length; ) {
                const stretch = messages.slice(at, at + cut(at))
                assert.ok((await view.apply(stretchCall(stretch, options(at)))).applied)
                at += stretch.length
              }
              return { tally: await tallyNow(), keys: (await dump()).map(([key]) => key) }
            }
            const whole = await apply(() => messages.length)
            assert.deepEqual(await apply((at) => cuts[at % Math.max(1, cuts.length)] ?? 1), whole)
            assert.equal(whole.tally.entries, drawn.flatMap(({ votes: cast }) => cast).length)
          },
        ),
        { numRuns: 40 },
      )
    })
  })

  describe('of a log that is followed', () => {
    const published: BoardPart[] = []
    let stop: () => Promise<void> = async () => undefined

    beforeEach(() => {
      published.length = 0
    })
    afterEach(() => stop())

    const startLane = (on = redis, more: Partial<TallyLaneOptions> = {}) => {
      const abort = new AbortController()
      const publisher = createPartPublisher({
        publish: (_event, part) => void published.push(part),
        tickMs: 1,
      })
      const done = runTallyLane({
        nats,
        redis: on,
        shard,
        shards: 1,
        logger,
        publisher,
        deadLetters: { put: async () => assert.fail('nothing here is dead') },
        halts: createHalts(new Registry()),
        signal: abort.signal,
        ...more,
      })
      stop = async () => {
        abort.abort()
        await done.catch(() => undefined)
        publisher.stop()
      }
    }

    const append = async (votes: Vote[]) => {
      const { seq } = await nats.js.publish(voteSubject(shard), logMessage.encode(message(votes)))
      return seq
    }
    const until = async (condition: () => Promise<boolean>) => {
      while (!(await condition())) await pause(10)
    }
    const reached = (sequence: number) =>
      until(async () => (await redis.hget(checkpointKey(shard), 'sequence')) === String(sequence))

    it('every vote is counted, and the part that is published says so', async () => {
      startLane()
      let last = 0
      for (let voter = 1; voter <= 50; voter += 1) last = await append([voteOf(voter, voter % 2)])
      await reached(last)
      assert.deepEqual((await tallyNow()).totals, [25, 25])
      await until(async () => published.at(-1)?.sequence === last)
      assert.deepEqual(published.at(-1)?.totals, [25, 25])
      const sequences = published.map(({ sequence }) => sequence)
      assert.deepEqual(
        sequences,
        [...sequences].sort((a, b) => a - b),
      )
    })

    it('a long log is gone through without beginning again, though the view is looked at all the time', async () => {
      const messages = 1_000
      const encoded = logMessage.encode(message([voteOf(1)]))
      await Promise.all(Array.from({ length: messages }, () => nats.js.publish(voteSubject(shard), encoded)))
      const begun: unknown[] = []
      const info = (fields: object, text?: string) => {
        if (text === 'tally goes on') begun.push(fields)
      }
      startLane(redis, { logger: { ...logger, info } as typeof logger, lookEveryMs: 1 })
      await reached(messages)
      assert.equal(begun.length, 1)
    })

    it('a view that was flushed is made again from the log, though nobody votes', async () => {
      startLane()
      await reached(await append([voteOf(1), voteOf(2)]))
      await redis.flushall()
      await until(async () => (await tallyNow()).entries === 2)
      assert.equal((await tallyNow()).totals[0], 2)
    })

    it('a view restored from an older file is gone on with', async () => {
      startLane()
      await reached(await append([voteOf(1)]))
      const keys = await redis.keys('*')
      const older = await Promise.all(keys.map(async (key) => [key, await redis.dumpBuffer(key)] as const))
      await reached(await append([voteOf(2), voteOf(3)]))
      const restore = redis.multi().flushall()
      for (const [key, value] of older) restore.restore(key, 0, value ?? '')
      await restore.exec()
      await until(async () => (await tallyNow()).entries === 3)
      assert.equal((await tallyNow()).totals[0], 3)
    })

    it('a log that was made anew gets a new view', async () => {
      startLane()
      await reached(await append([voteOf(1), voteOf(2)]))
      await stop()
      await nats.jsm.streams.delete(voteStream(shard))
      await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
      await append([voteOf(9)])
      startLane()
      await until(async () => (await tallyNow()).entries === 1)
      assert.equal((await tallyNow()).totals[0], 1)
    })

    it('a log that is made anew under a lane that follows it gets a new view', async () => {
      startLane()
      await reached(await append([voteOf(1), voteOf(2)]))
      await reached(await append([voteOf(3)]))
      await nats.jsm.streams.delete(voteStream(shard))
      await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
      for (const voter of [7, 8, 9]) await append([voteOf(voter)])
      const { generation } = await logPosition(nats, shard)
      await until(async () => (await redis.hget(checkpointKey(shard), 'generation')) === generation)
      await until(async () => (await tallyNow()).entries === 3)
      assert.equal((await tallyNow()).totals[0], 3)
    })

    it('a view that is made anew is shown only when it holds what was in the log when its making began', async () => {
      let last = await append([voteOf(1)])
      // An instance that stands still for a while between its look at the log and its clearing of the view.
      let stood = false
      const sluggish = new Proxy(redis, {
        get(target, name) {
          const value = Reflect.get(target, name)
          if (name !== 'multi' || stood) return typeof value === 'function' ? value.bind(target) : value
          return () => {
            stood = true
            const multi = target.multi()
            const exec = multi.exec.bind(multi)
            multi.exec = async () => {
              for (const voter of [2, 3, 4]) last = await append([voteOf(voter)])
              return exec()
            }
            return multi
          }
        },
      })
      startLane(sluggish)
      await until(async () => stood && (await redis.hget(checkpointKey(shard), 'whole_at')) !== null)
      assert.equal(await redis.hget(checkpointKey(shard), 'whole_at'), String(last))
    })

    it('Redis that dies and comes back gets what it missed', async () => {
      startLane()
      await reached(await append([voteOf(1)]))
      await stop()
      await servers.kill('redis')
      const last = await append([voteOf(2)])
      await servers.start('redis')
      await redisReady(redis, 5_000)
      startLane()
      await reached(last)
      assert.equal((await tallyNow()).totals[0], 2)
    })
  })
})
