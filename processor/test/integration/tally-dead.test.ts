import assert from 'node:assert/strict'
import { logPosition } from '@votestream/infra/log-reader'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { NO_EVENT } from '@votestream/schema/log-entries'
import { eventNumber, type Shard, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { checkpointKey } from '@votestream/schema/redis-keys'
import { voteStream } from '@votestream/schema/subjects'
import { logMessage, UnknownVersionError } from '@votestream/schema/votes'
import { vote } from '../unit/random-log.js'
import { encoded, listeningLogger, startTestTally, type TestTally } from './test-tally.js'

const SHARDS = 2
const shard = shardNumber(0)
const other = shardNumber(1)
const event = eventNumber(7)
const UNREADABLE = Uint8Array.of(255, 255, 255)

/** The voters of shard 0 are even. */
const votesOf = (...voters: number[]) =>
  voters.map((voter) => vote({ event, voter: voter as VoterNumber, ackedAtMs: Date.now() }))

/** As a newer writer would write it: the version is the first field. */
const ofVersion3 = (): Uint8Array => {
  const bytes = Uint8Array.from(encoded({ votes: votesOf(2) }))
  bytes[1] = 3
  assert.throws(() => logMessage.decode(bytes), UnknownVersionError)
  return bytes
}

describe('the tally of a log in which something is dead', function () {
  this.timeout(60_000)
  let test: TestTally

  before(async () => {
    test = await startTestTally(SHARDS)
  })
  after(() => test?.stop())
  beforeEach(() => test.reset())

  it('goes on behind a message that nobody can read, which is put aside once though the tally dies over it', async () => {
    await test.append(shard, { votes: votesOf(2, 4) })
    const dead = await test.append(shard, UNREADABLE)
    const last = await test.append(shard, { votes: votesOf(6) })
    // Dies when the letter is on disk, before the stretch is applied.
    let died = false
    const end = test.startLane(shard, {
      deadLetters: {
        put: async (letter) => {
          await test.deadLetters.put(letter)
          died = true
          throw new Error('dead')
        },
      },
    })
    await test.until(() => died)
    await end()
    // What stands before it may have come by itself, and be applied.
    assert.ok(Number(await test.redis.hget(checkpointKey(shard), 'sequence')) < dead)
    test.startLane(shard)
    await test.reached(shard, last)
    assert.equal((await test.tally(shard, event)).totals[0], 3)
    const { entries, dead: counted, sequence } = await test.tally(shard, NO_EVENT)
    assert.deepEqual([entries, counted, sequence], [1, 1, dead])
    const letters = await test.letters()
    const { generation } = await logPosition(test.nats, shard)
    assert.deepEqual(
      letters.map((letter) => [letter.shard, letter.generation, letter.sequence, [...letter.data]]),
      [[shard, generation, dead, [...UNREADABLE]]],
    )
    assert.match(letters[0]?.reasons[0] ?? '', /^not a message of the log/)
    await test.until(() => test.published.some(({ sequence: at }) => at === last))
    assert.deepEqual(new Set(test.published.map((part) => part.event)), new Set([event]))
  })

  it('a letter that cannot be put holds the checkpoint: nothing dead is passed in silence', async () => {
    await test.append(shard, UNREADABLE)
    let tried = 0
    test.startLane(shard, {
      deadLetters: {
        put: async () => {
          tried += 1
          throw new Error('the broker is away')
        },
      },
    })
    await test.until(() => tried > 0)
    assert.equal(await test.redis.hget(checkpointKey(shard), 'sequence'), '0')
  })

  it('sets a vote of another shard aside, counts it as dead, and the votes beside it as votes', async () => {
    const last = await test.append(shard, { votes: votesOf(2, 3, 4) })
    test.startLane(shard)
    await test.reached(shard, last)
    const { totals, entries, dead } = await test.tally(shard, event)
    assert.deepEqual([totals, entries, dead], [[2], 3, 1])
    const [letter] = await test.letters()
    assert.deepEqual(letter?.reasons, ['vote 1: voter 3 is of another shard'])
    assert.deepEqual([letter?.shard, letter?.sequence], [shard, last])
  })

  describe('and a message of a newer writer', () => {
    const gaugeOf = async (halted: Shard): Promise<string | undefined> => {
      const text = await test.registry.metrics()
      return new RegExp(`votestream_shard_halted\\{role="tally",shard="${halted}"\\} (\\d)`).exec(text)?.[1]
    }

    it('halts its shard with all before it applied and nothing behind it, says so once, and no other shard', async () => {
      const before = await test.append(shard, { votes: votesOf(2, 4) })
      const unknown = await test.append(shard, ofVersion3())
      await test.append(shard, { votes: votesOf(6) })
      const { logger, fatal, info } = listeningLogger()
      test.startLane(shard, { logger })
      test.startLane(other)
      await test.until(() => test.halts.list().length > 0)
      assert.deepEqual(test.halts.list(), [
        `tally of shard 0 halted: message ${unknown} of its log cannot be read ` +
          '(LogMessage of version 3: this reader knows up to 2)',
      ])
      assert.equal(await gaugeOf(shard), '1')
      await test.reached(other, await test.append(other, { votes: votesOf(1, 3) }))
      assert.equal((await test.tally(other, event)).totals[0], 2)
      // It has tried again and again.
      await test.until(() => info.filter((sentence) => sentence === 'tally goes on').length >= 3)
      assert.equal(await test.redis.hget(checkpointKey(shard), 'sequence'), String(before))
      assert.equal((await test.tally(shard, event)).totals[0], 2)
      assert.equal(fatal.length, 1)
      assert.match(fatal[0] ?? '', new RegExp(`message ${unknown} .* version 3`))
      assert.deepEqual(await test.letters(), [])
    })

    it('goes on, and says no more, when the log is made anew without it', async () => {
      await test.append(shard, ofVersion3())
      test.startLane(shard)
      await test.until(() => test.halts.list().length > 0)
      await test.nats.jsm.streams.delete(voteStream(shard))

      await ensureVoteStreams(test.nats, { shards: SHARDS, replicas: 1 })
      await test.until(() => test.halts.list().length === 0)
      assert.equal(await gaugeOf(shard), '0')
      await test.reached(shard, await test.append(shard, { votes: votesOf(2) }))
      assert.equal((await test.tally(shard, event)).totals[0], 1)
    })

    it('says no more when its lane has ended: it is for the next one to say', async () => {
      await test.append(shard, ofVersion3())
      const end = test.startLane(shard)
      await test.until(() => test.halts.list().length > 0)
      await end()
      assert.deepEqual(test.halts.list(), [])
    })
  })
})
