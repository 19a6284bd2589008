import assert from 'node:assert/strict'
import { setInterval } from 'node:timers/promises'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { allShards, eventNumber, type Shard } from '@votestream/schema/numbers'
import { voteSubject } from '@votestream/schema/subjects'
import { type LogMessage, logMessage, VERDICT, type Vote } from '@votestream/schema/votes'
import { reconcile } from '../../src/books/reconciliation.js'
import { GROUP_LIMITS, type GroupLimits } from '../../src/books/redis-plan.js'
import { type Chance, createChance } from '../../src/chaos/random.js'
import { decisionOf, messageOf, runSinks, voteOf } from './log-and-sinks.js'

const SHARDS = 2
const EVENTS = 6
const VOTERS = 40_000
const VOTES_IN_MESSAGE = 100
/** In each shard. */
const MESSAGES_A_SECOND = 20
const logger = createLogger('reconcile-live-test', 'silent')

/** One shard's log, without an end: votes, repetitions and flags, now and then a closing, a decision, a dead entry. */
function* endlessLog(shard: Shard, chance: Chance): Generator<LogMessage> {
  const first = new Map<string, Vote>()
  let opened = EVENTS
  const open = Array.from({ length: EVENTS }, (_, index) => eventNumber(index + 1))
  const voterOf = () => SHARDS * chance.whole(1, VOTERS / SHARDS) + shard
  for (;;) {
    const ackedAtMs = Date.now()
    const votes = Array.from({ length: VOTES_IN_MESSAGE }, () => {
      const event = chance.pick(open)
      const flags = chance.whole(1, 20) === 1 ? 1 : 0
      const vote = voteOf({ event, voter: voterOf(), contestant: chance.whole(0, 4), ackedAtMs, flags })
      const name = `${event}.${vote.voter}`
      if (!first.has(name)) first.set(name, vote)
      return vote
    })
    const decided = Array.from({ length: 3 }, () => chance.pick(votes))
    const decisions = decided.map(({ event, voter }) => {
      const { contestant, ackedAtMs: votedAtMs } = first.get(`${event}.${voter}`) as Vote
      const verdict = chance.whole(1, 2) === 1 ? VERDICT.reject : VERDICT.admit
      return decisionOf({ event, voter, contestant, votedAtMs, verdict })
    })
    // A voter of another shard.
    if (chance.whole(1, 30) === 1) votes.push(voteOf({ ...(votes[0] as Vote), voter: voterOf() + 1 }))
    const closes = chance.whole(1, 40) === 1 ? open[0] : undefined
    if (closes !== undefined) open.splice(0, 1, eventNumber(opened++ + 1))
    const closings = closes === undefined ? [] : [{ event: closes, closedAtMs: ackedAtMs }]
    yield messageOf({ votes, closings, decisions })
  }
}

describe('npm run reconcile while votes arrive', function () {
  this.timeout(120_000)
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let clickhouse: ClickHouseClient
  let endSinks: () => Promise<void>
  let isVoting = true
  let voting: Promise<void>[] = []

  /** A shard's share of thousands of votes a second, until the test ends. */
  const vote = async (shard: Shard): Promise<void> => {
    const log = endlessLog(shard, createChance(shard + 1))
    for await (const _ of setInterval(1_000 / MESSAGES_A_SECOND)) {
      if (!isVoting) return
      await nats.js.publish(voteSubject(shard), logMessage.encode(log.next().value))
    }
  }

  before(async () => {
    servers = await startServersForTest(['nats', 'redis', 'clickhouse'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger, commandTimeoutMs: 10_000 })
    await redisReady(redis, 5_000)
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say: () => {} })
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
    endSinks = await runSinks({ nats, redis, clickhouse, shards: SHARDS, logger })
    voting = allShards(SHARDS).map(vote)
  })
  after(async () => {
    isVoting = false
    await Promise.all(voting)
    await endSinks?.()
    await clickhouse?.close()
    redis?.disconnect()
    await nats?.close()
    await servers?.stop()
  })

  const ROUNDS_MIN = 4
  const ROUNDS_MAX = 60
  const SMALL: GroupLimits = { commandsMax: 16, eventsMax: 1, chunksMax: 2 }

  it('agrees again and again, in groups of any size, bits counted in slices included', async () => {
    const ends: number[] = []
    let moved = 0
    // Until a message was applied in the very moment of a reading, which takes a few milliseconds.
    for (let round = 0; round < ROUNDS_MIN || (moved === 0 && round < ROUNDS_MAX); round += 1) {
      const limits = round % 2 === 0 ? GROUP_LIMITS : SMALL
      const { events, shards } = await reconcile({ nats, redis, clickhouse, waitMs: 60_000, limits })
      assert.deepEqual(
        events.flatMap(({ differences }) => differences),
        [],
      )
      assert.ok(events.length >= EVENTS)
      ends.push(shards[0]?.redis.toSequence ?? 0)
      moved += shards.filter(({ redis: { fromSequence, toSequence } }) => toSequence > fromSequence).length
      assert.ok(
        shards.every(({ letters }) => letters && letters.missing.length + letters.unexpected.length === 0),
      )
    }
    assert.deepEqual(
      [...new Set(ends)].sort((a, b) => a - b),
      ends,
      'votes arrived from one comparison to the next',
    )
    assert.ok(moved > 0, 'votes arrived while Redis was read')
  })
})
