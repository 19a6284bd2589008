import assert from 'node:assert/strict'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { openLeasesBucket } from '@votestream/infra/streams'
import { takeOver } from '@votestream/ingest/takeover'
import { allShards, type Shard, type VoterNumber } from '@votestream/schema/numbers'
import {
  checkpointKey,
  shadowOf,
  tallyKey,
  votedKey,
  windowKey,
  windowStart,
} from '@votestream/schema/redis-keys'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { bitPosition } from '@votestream/schema/voted-set'
import { logMessage } from '@votestream/schema/votes'
import { refusingHalts } from '../../src/rebuild/context.js'
import { createShadowView } from '../../src/rebuild/shadow-view.js'
import { EVENT, OTHER, type RebuildSystem, SHARDS, startRebuildSystem } from './rebuild-system.js'

const SHARD = 0 as Shard

describe('npm run rebuild -- --redis', function () {
  this.timeout(90_000)
  let system: RebuildSystem

  before(async () => {
    system = await startRebuildSystem()
    const migrated = await system.run('migrate')
    assert.equal(migrated.status, 0, migrated.output)
    await system.startLanes()
    await system.vote(300)
    await caughtUp()
  })
  after(() => system?.stop())

  const sequenceOf = async (key: string) => Number(await system.redis.hget(key, 'sequence'))
  const caughtUp = async () => {
    for (const shard of allShards(SHARDS)) {
      await system.until(async () => {
        const { lastSequence } = await logPosition(system.nats, shard)
        return (await sequenceOf(checkpointKey(shard))) >= lastSequence
      })
    }
  }
  /** A total off by one, a voter forgotten, a window off by five, keys that stand for nothing. */
  const damage = async () => {
    const { redis } = system
    await redis.hincrby(tallyKey(SHARD, EVENT), '1', 1)
    const { chunk, offset } = bitPosition(24 as VoterNumber, SHARDS)
    assert.equal(await redis.setbit(votedKey(SHARD, EVENT, chunk), offset, 0), 1)
    await redis.hincrby(windowKey(SHARD, EVENT, windowStart(Date.now())), '2', 5)
    await redis.set(votedKey(SHARD, EVENT, 99), 'x')
    assert.notEqual(await system.differences(), '')
  }
  const agreed = async () => {
    assert.equal(await system.differences(), '')
    assert.equal(await system.redis.exists(votedKey(SHARD, EVENT, 99)), 0)
    assert.deepEqual(await system.redis.keys('*shadow*'), [])
  }
  const rebuilt = async (...args: string[]) => {
    const { status, output } = await system.run('rebuild', '--redis', ...args)
    assert.equal(status, 0, output)
    return output
  }

  it('mends everything, while votes arrive', async () => {
    await damage()
    const stopVoting = system.keepVoting()
    await rebuilt()
    await agreed()
    await stopVoting()
    // Its leases are back.
    await caughtUp()
  })

  it('mends one event while votes arrive, and no board is away nor another event touched meanwhile', async () => {
    await damage()
    const stopVoting = system.keepVoting()
    const before = await system.redis.hget(tallyKey(SHARD, OTHER), 'entries')
    let ended = false
    const watching = (async () => {
      for (let last = Number(before); !ended; ) {
        const [[, at], [, entries]] = (await system.redis
          .multi()
          .hmget(checkpointKey(SHARD), 'sequence', 'whole_at')
          .hget(tallyKey(SHARD, OTHER), 'entries')
          .exec()) as [[null, string[]], [null, string]]
        assert.ok(Number(at[0]) >= Number(at[1] ?? 0) && at[0] != null)
        assert.ok(Number(entries) >= last)
        last = Number(entries)
      }
    })()
    await rebuilt('--event', String(EVENT))
    ended = true
    await watching
    await agreed()
    await stopVoting()
    await caughtUp()
  })

  it('swaps nothing in that is not as of the very message of the live view', async () => {
    await caughtUp()
    const { nats, redis, clickhouse, deadLetters } = system
    const context = {
      ...{ nats, redis, clickhouse, deadLetters, halts: refusingHalts, shards: SHARDS, instance: 'test' },
      bucket: await openLeasesBucket(nats, 1),
      logger: createLogger('test', 'silent'),
      say: () => undefined,
    }
    const { signal } = new AbortController()
    const shadow = createShadowView(context, SHARD, EVENT, signal)
    const before = await redis.hgetall(tallyKey(SHARD, EVENT))
    const at = await sequenceOf(checkpointKey(SHARD))
    await shadow.catchUp(at - 1)
    assert.equal(await shadow.swap(), false)
    assert.deepEqual(await redis.hgetall(tallyKey(SHARD, EVENT)), before)
    await shadow.catchUp(at)
    assert.equal(await shadow.swap(), true)
    await agreed()
  })

  it('tells gateways of the mended event as of the message up to which it was mended', async () => {
    const nobodys = { votes: [], closings: [], takeover: { owner: 'a' }, decisions: [] }
    await system.nats.js.publish(voteSubject(SHARD), logMessage.encode(nobodys))
    await caughtUp()
    await rebuilt('--event', String(EVENT))
    assert.equal(await sequenceOf(tallyKey(SHARD, EVENT)), await sequenceOf(checkpointKey(SHARD)))
  })

  it('takes an event away of which there is nothing in the log', async () => {
    await system.redis.hset(tallyKey(SHARD, 55 as never), { 0: '3', entries: '3', sequence: '2' })
    await system.redis.sadd('{s0}:events', '55')
    await rebuilt('--event', '55')
    assert.equal(await system.redis.exists(tallyKey(SHARD, 55 as never)), 0)
    assert.equal(await system.redis.sismember('{s0}:events', '55'), 0)
  })

  it('killed in the middle, it goes on where it was when it is begun again', async () => {
    await system.vote(1_500)
    await caughtUp()
    await damage()
    const shadow = shadowOf(EVENT)(checkpointKey(SHARD))
    const one = system.begin('rebuild', '--redis', '--event', String(EVENT))
    await system.until(async () => (await sequenceOf(shadow)) > 0)
    one.child.kill('SIGKILL')
    await one.ended
    const was = await sequenceOf(shadow)
    assert.ok(was > 0 && was < (await sequenceOf(checkpointKey(SHARD))))
    const output = await rebuilt('--event', String(EVENT))
    assert.match(output, new RegExp(`shard 0: message ${was} of`))
    await agreed()

    // The whole view, with nobody else who could go on with it.
    await damage()
    await system.stopLanes()
    const two = system.begin('rebuild', '--redis')
    const at = async () => system.redis.hmget(checkpointKey(SHARD), 'sequence', 'whole_at')
    await system.until(async () => {
      const [sequence, wholeAt] = (await at()).map(Number)
      return Number(sequence) > 0 && Number(sequence) < Number(wholeAt)
    })
    two.child.kill('SIGKILL')
    await two.ended
    assert.match(await rebuilt(), /shard 0: a rebuild is under way, at message [1-9]/)
    await agreed()
    await system.startLanes()
  })

  it('fills what the log no longer holds from ClickHouse', async () => {
    const { lastSequence } = await logPosition(system.nats, SHARD)
    await caughtUp()
    await system.until(async () => (await system.differences()) === '')
    const before = await system.redis.hgetall(tallyKey(SHARD, EVENT))
    await system.nats.jsm.streams.purge(voteStream(SHARD), { seq: lastSequence - 10 })
    await system.redis.hincrby(tallyKey(SHARD, EVENT), '1', 1)
    await rebuilt('--event', String(EVENT))
    assert.deepEqual(await system.redis.hgetall(tallyKey(SHARD, EVENT)), before)
    await system.redis.hincrby(tallyKey(SHARD, EVENT), '1', 1)
    await rebuilt()
    assert.deepEqual(await system.redis.hgetall(tallyKey(SHARD, EVENT)), before)
    await agreed()
  })

  it('is not needed for a Redis that was lost: its tally is filled, and owners wait for it and know every voter', async () => {
    const { nats, redis } = system
    const logger = createLogger('test', 'silent')
    const { signal } = new AbortController()
    const take = () =>
      takeOver({ nats, redis, shard: SHARD, shards: SHARDS, logger, signal }).catch(() => undefined)
    await system.stopLanes()
    await redis.flushall()
    assert.equal(await take(), undefined)
    await system.startLanes()
    let taken = await take()
    while (!taken) taken = await take()
    assert.ok(taken.state.voted.has(EVENT, 24 as VoterNumber))
    await caughtUp()
    await agreed()
  })

  it('says what it cannot do, with exit status 2', async () => {
    for (const args of [[], ['--redis', '--clickhouse'], ['--redis', '--event', 'nothing']]) {
      const { status, output } = await system.run('rebuild', ...args)
      assert.equal(status, 2)
      assert.match(output, /npm run rebuild/)
    }
    await system.servers.kill('redis')
    const { status, output } = await system.run('rebuild', '--redis', '--wait', '1')
    assert.equal(status, 2)
    assert.match(output, /Redis/)
  })
})
