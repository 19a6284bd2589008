import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { allShards, eventNumber, shardNumber, voterNumber } from '@votestream/schema/numbers'
import { checkpointKey, rejectedKey, tallyKey, votedKey } from '@votestream/schema/redis-keys'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { bitPosition } from '@votestream/schema/voted-set'
import { boardPart } from '@votestream/schema/votes'
import type { Board } from '../../src/board.js'
import { createLiveBoards, type LiveBoards } from '../../src/live/live-boards.js'
import { createLiveVotes } from '../../src/live/live-votes.js'
import { createResults, type Results } from '../../src/results.js'

const logger = createLogger('test', 'silent')
const event = eventNumber(7)
const SHARDS = 2
const GENERATION = '2026-01-01T00:00:00Z'

describe('what changes, for those who look on', () => {
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let results: Results
  let live: LiveBoards
  let reads: number

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
    await redis.flushall()
    results = createResults({ redis, shards: SHARDS })
    reads = 0
    const counted: Pick<Results, 'parts'> = {
      parts: (events) => {
        reads += 1
        return results.parts(events)
      },
    }
    live = createLiveBoards({ nats, results: counted, shards: SHARDS, logger })
  })
  afterEach(() => live.stop())

  const store = async (shard: number, sequence: number, totals: Record<number, number>) => {
    await redis.hset(tallyKey(shardNumber(shard), event), { sequence, ...totals })
    await redis.hset(checkpointKey(shardNumber(shard)), { generation: GENERATION, sequence, whole_at: 0 })
  }
  const publish = (shard: number, sequence: number, totals: number[], appliedAtMs = 0) => {
    const part = {
      event,
      shard: shardNumber(shard),
      generation: GENERATION,
      sequence,
      totals,
      ackedAtMs: sequence,
      appliedAtMs,
    }
    nats.connection.publish(leaderboardSubject(event), boardPart.encode(part))
  }
  const next = async (boards: AsyncIterator<Board>): Promise<Board> => {
    const { value, done } = await boards.next()
    assert.ok(!done)
    return value
  }

  it('a viewer first gets the board as it stands in Redis, then what is published', async () => {
    await store(0, 3, { 0: 2 })
    await store(1, 4, { 1: 5 })
    const boards = live.watch(event, 2)
    assert.deepEqual(await next(boards), { version: 7, totals: [2, 5], ackedAtMs: 0 })
    publish(0, 9, [8, 0])
    assert.deepEqual(await next(boards), { version: 13, totals: [8, 5], ackedAtMs: 9 })
    publish(0, 8, [7, 0])
    publish(1, 10, [0, 6])
    assert.deepEqual((await next(boards)).totals, [8, 6], 'the older part changed nothing')
  })

  it('a hundred changes at once are one board, and the version only grows', async () => {
    await store(0, 0, {})
    await store(1, 0, {})
    const boards = live.watch(event, 1)
    await next(boards)
    for (let sequence = 1; sequence <= 100; sequence += 1) publish(sequence % 2, sequence, [sequence])
    const seen: Board[] = []
    while (seen.at(-1)?.version !== 199) seen.push(await next(boards))
    assert.ok(seen.length <= 3, `${seen.length} boards`)
    for (const [index, board] of seen.entries()) {
      assert.ok(board.version > (seen[index - 1]?.version ?? 0))
    }
  })

  it('parts of two shards that are sent together are one board', async () => {
    await store(0, 0, {})
    await store(1, 0, {})
    const boards = live.watch(event, 2)
    await next(boards)
    // Longer than a tick: what comes now is shown at once.
    await pause(80)
    publish(0, 9, [8, 0])
    publish(1, 10, [0, 6])
    assert.deepEqual(await next(boards), { version: 19, totals: [8, 6], ackedAtMs: 10 })
  })

  it('a board says since when its earliest change has waited, also behind one that was never taken', async () => {
    await store(0, 0, {})
    await store(1, 0, {})
    const boards = live.watch(event, 2)
    const other = live.watch(event, 2)
    assert.equal((await next(boards)).appliedAtMs, undefined)
    await next(other)
    for (const [shard, appliedAtMs] of [1_000, 900].entries()) publish(shard, 9, [8, 0], appliedAtMs)
    assert.equal((await next(boards)).appliedAtMs, 900)
    publish(0, 10, [9, 0], 1_100)
    assert.equal((await next(boards)).appliedAtMs, 1_100)
    publish(0, 11, [10, 0])
    assert.equal((await next(boards)).appliedAtMs, undefined)
    assert.deepEqual(await next(other), { version: 20, totals: [18, 0], ackedAtMs: 11, appliedAtMs: 900 })
    assert.equal((await next(live.watch(event, 2))).appliedAtMs, undefined)
  })

  it('events that are quiet are asked about together', async () => {
    const events = [1, 2, 3, 4, 5].map((number) => eventNumber(number))
    for (const shard of [0, 1]) await store(shard, 1, {})
    for (const number of events) {
      await next(live.watch(number, 1))
      await pause(60)
    }
    reads = 0
    await pause(2_200)
    assert.ok(reads >= 1 && reads <= 4, `${reads} readings of ${events.length} events in two seconds`)
  })

  it('what was missed on the way is found in Redis', async () => {
    await store(0, 1, { 0: 1 })
    await store(1, 1, { 0: 1 })
    const boards = live.watch(event, 1)
    await next(boards)
    await store(1, 5, { 0: 4 })
    assert.deepEqual((await next(boards)).totals, [5])
  })

  it('while a shard is being made anew there is no board, and never a wrong one', async () => {
    await store(0, 1, { 0: 1 })
    await redis.hset(checkpointKey(shardNumber(1)), { generation: GENERATION, sequence: 2, whole_at: 5 })
    const boards = live.watch(event, 1)
    const first = next(boards)
    await store(1, 5, { 0: 9 })
    assert.deepEqual((await first).totals, [10])
    await boards.return?.()
    await redis.flushall()
    await assert.rejects(live.watch(event, 1).next(), { code: 'RESULTS_UNAVAILABLE' })
  })

  it('viewers share one reading, and nothing goes on when the last has left', async () => {
    for (const shard of allShards(SHARDS)) await store(shard, 1, { 0: 1 })
    const viewers = Array.from({ length: 20 }, () => live.watch(event, 1))
    await Promise.all(viewers.map(next))
    assert.equal(reads, 1)
    const late = live.watch(event, 1)
    assert.equal((await next(late)).version, 2)
    assert.equal(reads, 1)
    for (const viewer of [...viewers, late]) await viewer.return?.()
    const before = reads
    await pause(1_500)
    assert.equal(reads, before)
  })

  it('a vote is told acked, then processed, and then no more', async () => {
    const voter = voterNumber(10)
    const { chunk, offset } = bitPosition(voter, SHARDS)
    const shard = shardNumber(0)
    await store(0, 1, {})
    const statuses = createLiveVotes({ results }).watch(event, voter)
    assert.equal((await statuses.next()).value, 'acked')
    await redis.setbit(votedKey(shard, event, chunk), offset, 1)
    assert.equal((await statuses.next()).value, 'processed')
    assert.equal((await statuses.next()).done, true)
    await redis.setbit(rejectedKey(shard, event, chunk), offset, 1)
    assert.equal((await createLiveVotes({ results }).watch(event, voter).next()).value, 'rejected')
  })
})
