import assert from 'node:assert/strict'
import { createLogger } from '@votestream/infra/logging'
import { allShards, eventNumber, type Shard, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { type Checkpoints, readRedisCheckpoints } from '../../src/lag/checkpoints.js'
import type { Lag, Sink } from '../../src/lag/lag-metrics.js'
import { type LagWatch, watchLag } from '../../src/lag/lag-watch.js'
import { vote } from '../unit/random-log.js'
import { startTestTally, type TestTally } from './test-tally.js'

const SHARDS = 2
const shards = allShards(SHARDS)
const shard = shardNumber(0)
const event = eventNumber(7)

const votes = (...voters: number[]) => ({
  votes: voters.map((voter) => vote({ event, voter: voter as VoterNumber, ackedAtMs: Date.now() })),
})

describe('the lag of the sinks', () => {
  let test: TestTally
  let watch: LagWatch
  let told: Map<string, Lag>
  let redis: () => Promise<Checkpoints>
  let clickhouse: () => Promise<Checkpoints>

  before(async () => {
    test = await startTestTally(SHARDS)
  })
  after(() => test.stop())
  beforeEach(async () => {
    await test.reset()
    told = new Map()
    redis = () => readRedisCheckpoints(test.redis, shards)
    // As while ClickHouse is away.
    clickhouse = () => Promise.reject(new Error('nobody is there'))
    watch = watchLag({
      nats: test.nats,
      shards: SHARDS,
      read: { redis: () => redis(), clickhouse: () => clickhouse() },
      metrics: { sampled: (sink, of, lag) => void told.set(`${sink} ${of}`, lag) },
      logger: createLogger('test', 'silent'),
      now: Date.now,
      everyMs: 20,
    })
  })
  afterEach(() => watch.stop())

  const lag = (sink: Sink, of: Shard): Lag | undefined => told.get(`${sink} ${of}`)
  const until = (sink: Sink, holds: (lag: Lag) => boolean): Promise<void> =>
    test.until(() => {
      const now = lag(sink, shard)
      return now !== undefined && holds(now)
    })

  /** Samples that were all taken after this. */
  const sampledAnew = async (): Promise<void> => {
    for (let looks = 0; looks < 2; looks += 1) {
      told.clear()
      await test.until(() => told.has(`redis ${shard}`))
    }
  }

  it('of a shard that nobody works on is told all the same: messages, their votes, and how old they are', async () => {
    await test.append(shard, votes(2, 4, 6))
    await test.append(shard, votes(8, 10, 12))
    await until('redis', ({ messages }) => messages === 2)
    assert.equal(lag('redis', shard)?.votes, 6)
    assert.equal(lag('redis', shardNumber(1))?.messages, 0)
    const { seconds = 0 } = lag('redis', shard) ?? {}
    await until('redis', (now) => now.seconds > seconds + 0.1)
    // Somebody works on it: it ends.
    const end = test.startLane(shard)
    await until('redis', ({ messages }) => messages === 0)
    assert.deepEqual(lag('redis', shard), { messages: 0, votes: 0, seconds: 0 })
    await end()
  })

  it('of a sink that does not answer grows from where it was, and is not told before it ever did', async () => {
    const end = test.startLane(shard)
    await test.reached(shard, await test.append(shard, votes(2)))
    await sampledAnew()
    assert.equal(lag('redis', shard)?.messages, 0)
    redis = () => Promise.reject(new Error('nobody is there'))
    await test.append(shard, votes(4, 6))
    await until('redis', ({ messages }) => messages === 1)
    assert.equal(lag('redis', shard)?.votes, 2)
    assert.equal(lag('clickhouse', shard), undefined)
    await end()
  })

  it('of what is written to from here is known without asking', async () => {
    clickhouse = async () => new Map()
    await until('clickhouse', () => true)
    clickhouse = () => Promise.reject(new Error('it should not be asked'))
    const sequence = await test.append(shard, votes(2))
    await until('clickhouse', ({ messages }) => messages === 1)
    const { created } = await test.nats.jsm.streams.info(`VOTES_${shard}`)
    watch.reached(shard, { generation: String(created), sequence })
    await until('clickhouse', ({ messages }) => messages === 0)
  })
})
