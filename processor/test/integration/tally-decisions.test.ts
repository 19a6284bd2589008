import assert from 'node:assert/strict'
import { contestantIndex, eventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import {
  chunksKey,
  rejectedKey,
  tallyKey,
  votedKey,
  windowKey,
  windowStart,
} from '@votestream/schema/redis-keys'
import { bitPosition } from '@votestream/schema/voted-set'
import { type Decision, type LogMessage, VERDICT, type Verdict, type Vote } from '@votestream/schema/votes'
import { stretchCall } from '../../src/tally/stretch.js'
import { createView } from '../../src/tally/view.js'
import { vote } from '../unit/random-log.js'
import { startTestTally, type TestTally } from './test-tally.js'

const shard = shardNumber(0)
const event = eventNumber(7)
const nowMs = Date.now()

const cast = (voter: number, more: Partial<Vote> = {}): Vote =>
  vote({ event, voter: voter as VoterNumber, contestant: contestantIndex(1), ackedAtMs: nowMs, ...more })

const decision = (verdict: Verdict, about: Vote): Decision => ({
  event: about.event,
  voter: about.voter,
  contestant: about.contestant,
  votedAtMs: about.ackedAtMs,
  verdict: VERDICT[verdict],
  decidedAtMs: nowMs + 1,
  decidedBy: 1 as VoterNumber,
})
const reject = (about: Vote) => ({ decisions: [decision('reject', about)] })
const admit = (about: Vote) => ({ decisions: [decision('admit', about)] })
const closing = { closings: [{ event, closedAtMs: nowMs }] }

/** One message with everything that several say, in the log's order of kinds. */
const together = (...parts: Partial<LogMessage>[]): Partial<LogMessage> => ({
  votes: parts.flatMap(({ votes = [] }) => votes),
  closings: parts.flatMap(({ closings = [] }) => closings),
  decisions: parts.flatMap(({ decisions = [] }) => decisions),
})

describe('a decision about a vote', function () {
  this.timeout(60_000)
  let test: TestTally

  before(async () => {
    test = await startTestTally(1)
  })
  after(() => test?.stop())
  beforeEach(() => test.reset())

  /** Applies each list of messages as one stretch. */
  const apply = async (...stretches: Partial<LogMessage>[][]): Promise<void> => {
    await test.redis.flushall()
    const view = createView(test.redis, shard)
    await view.clear(async () => ({ generation: 'g', firstSequence: 1, lastSequence: 0 }))
    let previous = 0
    for (const messages of stretches) {
      const empty: LogMessage = { votes: [], closings: [], takeover: null, decisions: [] }
      const sequenced = messages.map((message, index) => ({
        ...empty,
        ...message,
        sequence: previous + index + 1,
      }))
      const options = { shard, shards: 1, generation: 'g', previous }
      assert.ok((await view.apply(stretchCall(sequenced, options))).applied)
      previous += messages.length
    }
  }
  const bit = (key: typeof rejectedKey, voter: number) => {
    const { chunk, offset } = bitPosition(voter as VoterNumber, 1)
    return test.redis.getbit(key(shard, event, chunk), offset)
  }
  /** Of voter 5, and of everything. */
  const now = async () => {
    const { totals, entries, rejected, superseded } = await test.tally(shard, event)
    return {
      totals,
      books: [entries, rejected, superseded],
      bits: [await bit(votedKey, 5), await bit(rejectedKey, 5)],
      window: await test.redis.hgetall(windowKey(shard, event, windowStart(nowMs))),
    }
  }
  const counted = { totals: [0, 1], books: [1, 0, 0], bits: [1, 0], window: { 1: '1' } }
  const rejected = { totals: [], books: [1, 1, 0], bits: [1, 1], window: {} }

  it('rejects it: out of totals, books and its window; admits it again: everything is as before', async () => {
    const one = cast(5)
    await apply([{ votes: [one] }], [reject(one)])
    assert.deepEqual(await now(), rejected)
    await apply([{ votes: [one] }], [reject(one)], [admit(one)])
    assert.deepEqual(await now(), counted)
    assert.equal(await test.redis.exists(rejectedKey(shard, event, 0)), 0)
  })

  it('made in the same message, the same stretch or a later one, is the same decision', async () => {
    const one = cast(5)
    for (const [decisions, result] of [
      [[reject(one)], rejected],
      [[reject(one), admit(one)], counted],
      [[reject(one), admit(one), reject(one)], rejected],
      [[admit(one)], counted],
    ] as const) {
      const messages = [{ votes: [one] }, ...decisions]
      await apply([together(...messages)])
      assert.deepEqual(await now(), result)
      await apply(messages)
      assert.deepEqual(await now(), result)
      await apply(...messages.map((message) => [message]))
      assert.deepEqual(await now(), result)
    }
  })

  it('made twice changes it once', async () => {
    const one = cast(5)
    await apply([{ votes: [one] }, reject(one), reject(one)], [reject(one)])
    assert.deepEqual(await now(), rejected)
    await apply([{ votes: [one] }, reject(one)], [admit(one)], [admit(one), admit(one)])
    assert.deepEqual(await now(), counted)
  })

  it('overrides a flag, and the closing before the vote or behind it', async () => {
    const flagged = cast(5, { flags: 1 })
    await apply([{ votes: [flagged] }], [admit(flagged)])
    assert.deepEqual(await now(), counted)
    const late = cast(5)
    await apply([closing, { votes: [late] }], [admit(late)])
    assert.deepEqual(await now(), counted)
    await apply([{ votes: [late] }, closing], [reject(late)])
    assert.deepEqual(await now(), rejected)
  })

  it('says nothing about a later entry of its voter, which stays superseded', async () => {
    const one = cast(5)
    await apply([{ votes: [one] }], [reject(one)], [{ votes: [cast(5, { contestant: contestantIndex(0) })] }])
    assert.deepEqual(await now(), { ...rejected, books: [2, 1, 1] })
  })

  it('about nobody’s vote, or before the vote, says nothing; its message is noted', async () => {
    const one = cast(5)
    await apply([reject(one)])
    assert.deepEqual(await now(), { totals: [], books: [0, 0, 0], bits: [0, 0], window: {} })
    assert.equal(await test.redis.exists(chunksKey(shard, event), votedKey(shard, event, 0)), 0)
    assert.deepEqual(await test.redis.hgetall(tallyKey(shard, event)), { sequence: '1' })
    await apply([reject(one)], [{ votes: [one] }])
    assert.deepEqual(await now(), counted)
  })

  it('makes no window again that is no longer kept', async () => {
    const old = cast(5, { ackedAtMs: nowMs - 2 * 3_600_000 })
    await apply([{ votes: [old] }], [reject(old)], [admit(old)])
    assert.deepEqual(await test.redis.keys('*:window:*'), [])
    assert.deepEqual((await now()).totals, [0, 1])
  })

  it('that meets a key of a wrong type changes nothing at all', async () => {
    const one = cast(5)
    await apply([{ votes: [one] }])
    const before = await now()
    await test.redis.hset(rejectedKey(shard, event, 0), 'not', 'a bitmap')
    const message = { votes: [cast(6)], closings: [], takeover: null, ...reject(one), sequence: 2 }
    const call = stretchCall([message], { shard, shards: 1, generation: 'g', previous: 1 })
    await assert.rejects(createView(test.redis, shard).apply(call), /WRONGTYPE/)
    await test.redis.del(rejectedKey(shard, event, 0))
    assert.deepEqual(await now(), before)
  })

  it('is followed by the board: fewer votes, under a higher sequence', async () => {
    const one = cast(5)
    test.startLane(shard)
    const voted = await test.append(shard, { votes: [one, cast(6)] })
    const shown = (sequence: number) =>
      test.until(() => test.published.some((part) => part.sequence === sequence))
    await shown(voted)
    const decided = await test.append(shard, reject(one))
    await shown(decided)
    assert.ok(decided > voted)
    assert.deepEqual(test.published.find(({ sequence }) => sequence === voted)?.totals, [0, 2])
    assert.deepEqual(test.published.at(-1)?.totals, [0, 1])
    assert.equal((await test.tally(shard, event)).sequence, decided)
  })
})
