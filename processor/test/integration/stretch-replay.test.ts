import assert from 'node:assert/strict'
import { createLogger } from '@votestream/infra/logging'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import {
  type ContestantIndex,
  type EventNumber,
  shardNumber,
  type VoterNumber,
} from '@votestream/schema/numbers'
import { eventsKey, rejectedKey, tallyKey, votedKey, windowKey } from '@votestream/schema/redis-keys'
import { type Books, createReplay } from '@votestream/schema/replay'
import { parseTally } from '@votestream/schema/tally'
import { bitPosition } from '@votestream/schema/voted-set'
import { VERDICT } from '@votestream/schema/votes'
import fc from 'fast-check'
import { type SequencedMessage, stretchCall } from '../../src/tally/stretch.js'
import { createView } from '../../src/tally/view.js'
import { decidedLog } from '../unit/decided-log.js'

const shard = shardNumber(0)
const SHARDS = 2

/** Who has voted and whose vote does not count, by the rules, without the replay's books. */
const bitsOf = (messages: readonly SequencedMessage[]) => {
  const states = new Map<EventNumber, Map<VoterNumber, boolean>>()
  const closed = new Set<EventNumber>()
  for (const { votes, closings, decisions } of messages) {
    for (const { event, voter, flags } of votes) {
      const voters = states.get(event) ?? new Map<VoterNumber, boolean>()
      states.set(event, voters)
      if (!voters.has(voter)) voters.set(voter, flags === 0 && !closed.has(event))
    }
    for (const { event } of closings) closed.add(event)
    for (const { event, voter, verdict } of decisions) {
      const voters = states.get(event)
      if (voters?.has(voter)) voters.set(voter, verdict === VERDICT.admit)
    }
  }
  return states
}

describe('the view in Redis, however the log is cut into stretches', function () {
  this.timeout(60_000)
  let servers: TestServers
  let redis: Redis

  before(async () => {
    servers = await startServersForTest(['redis'])
    redis = connectRedis({
      url: servers.get('redis').url,
      name: 'test',
      logger: createLogger('test', 'silent'),
    })
    await redisReady(redis, 5_000)
  })
  after(async () => {
    redis?.disconnect()
    await servers?.stop()
  })

  /** The books as Redis holds them: the tally, and the windows that the replay knows of. */
  const storedBooks = async (event: EventNumber, replayed: Books): Promise<Books> => {
    const tally = parseTally(Object.entries(await redis.hgetall(tallyKey(shard, event))).flat())
    const totals = new Map(
      tally.totals.flatMap((votes, index) =>
        votes === 0 ? [] : [[index as ContestantIndex, votes] as const],
      ),
    )
    const windows: Books['windows'] = new Map()
    for (const startMs of replayed.windows.keys()) {
      const fields = Object.entries(await redis.hgetall(windowKey(shard, event, startMs)))
      windows.set(
        startMs,
        new Map(fields.map(([index, votes]) => [Number(index) as ContestantIndex, Number(votes)])),
      )
    }
    const counted = tally.totals.reduce((sum, votes) => sum + votes, 0)
    const { entries, rejected, superseded, dead } = tally
    return { entries, counted, rejected, superseded, dead, totals, windows }
  }

  /** Into an empty Redis. @returns the names of the keys that are there then. */
  const apply = async (
    messages: readonly SequencedMessage[],
    lengthOf: (cut: number) => number,
  ): Promise<string[]> => {
    await redis.flushall()
    const view = createView(redis, shard)
    await view.clear(async () => ({ generation: 'g', firstSequence: 1, lastSequence: 0 }))
    for (let at = 0, cut = 0; at < messages.length; cut += 1) {
      const stretch = messages.slice(at, at + lengthOf(cut))
      const options = { shard, shards: SHARDS, generation: 'g', previous: at }
      assert.ok((await view.apply(stretchCall(stretch, options))).applied)
      at += stretch.length
    }
    return (await redis.keys('*')).sort()
  }

  it('holds the books, the windows and the bits that the log gives when it is replayed', async () => {
    // Of today: Redis would expire older windows at once.
    const nowMs = Date.now()
    const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 })
    const logs = decidedLog({ firstMs: nowMs, messagesMin: 1 })
    await fc.assert(
      fc.asyncProperty(logs, cuts, async (messages, lengths) => {
        const replay = createReplay()
        for (const message of messages) replay.apply(message)
        const whole = await apply(messages, () => messages.length)
        assert.deepEqual(await apply(messages, (cut) => lengths[cut % lengths.length] ?? 1), whole)
        for (const [event, books] of replay.books) {
          assert.deepEqual(await storedBooks(event, books), books)
          assert.equal(await redis.sismember(eventsKey(shard), event), 1)
        }
        const windowKeys = (await redis.keys('*:window:*')).length
        assert.equal(
          windowKeys,
          [...replay.books.values()].flatMap(({ windows }) =>
            [...windows.values()].filter(({ size }) => size),
          ).length,
        )
        for (const [event, voters] of bitsOf(messages)) {
          for (const [voter, counts] of voters) {
            const { chunk, offset } = bitPosition(voter, SHARDS)
            assert.equal(await redis.getbit(votedKey(shard, event, chunk), offset), 1)
            assert.equal(await redis.getbit(rejectedKey(shard, event, chunk), offset), counts ? 0 : 1)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
