import assert from 'node:assert/strict'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { allShards, type EventNumber, eventNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import {
  checkpointKey,
  tallyKey,
  WINDOW_KEPT_MS,
  WINDOW_MS,
  windowKey,
  windowStart,
} from '@votestream/schema/redis-keys'
import { createArchiveQueries } from '../../src/archive-queries.js'
import { projectEvent } from '../../src/event-catalog.js'
import { createArchivedWindows } from '../../src/timeline/archived-windows.js'
import { createRecentWindows } from '../../src/timeline/recent-windows.js'
import type { TimelineRequest } from '../../src/timeline/timeline-plan.js'
import { createTimelines, type WindowVotes } from '../../src/timeline/timelines.js'
import { callerOf } from './test-gateway.js'

const SHARDS = 2
const GENERATION = '2026-05-01T00:00:00Z'
const SEQUENCE = 1_000
const MINUTE = 60_000
const HOUR = 3_600_000
const NOW = Date.UTC(2026, 4, 16, 20, 0, 7, 500)
const logger = createLogger('timeline-test', 'silent')

interface VoteAt {
  readonly shard: number
  readonly contestant: number
  readonly atMs: number
}

describe('A timeline', function () {
  this.timeout(60_000)
  let servers: TestServers
  let redis: Redis
  let clickhouse: ClickHouseClient
  let events = 0

  before(async () => {
    servers = await startServersForTest(['redis', 'clickhouse'])
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say: () => {} })
    for (const shard of allShards(SHARDS)) {
      await redis.hset(checkpointKey(shard), { sequence: SEQUENCE, generation: GENERATION, whole_at: 0 })
    }
  })
  after(async () => {
    redis?.disconnect()
    await clickhouse?.close()
    await servers?.stop()
  })

  /** A vote every seven seconds of four hours, and one at each end of each window about the cut. */
  const votesUntil = (nowMs: number): VoteAt[] => {
    const votes: VoteAt[] = []
    for (let atMs = nowMs - 4 * HOUR, count = 0; atMs <= nowMs; atMs += 7_000, count += 1) {
      votes.push({ shard: count % SHARDS, contestant: count % 3, atMs })
    }
    for (
      let border = nowMs - 62 * MINUTE - (nowMs % WINDOW_MS);
      border < nowMs - 50 * MINUTE;
      border += WINDOW_MS
    ) {
      votes.push({ shard: 0, contestant: 0, atMs: border - 1 }, { shard: 1, contestant: 0, atMs: border })
    }
    return votes
  }

  /** As the tally keeps them at a time: whole windows of the last hour. */
  const tally = async (event: EventNumber, votes: readonly VoteAt[], nowMs: number) => {
    const pipeline = redis.pipeline()
    for (const shard of allShards(SHARDS)) pipeline.hset(tallyKey(shard, event), 'sequence', SEQUENCE)
    for (const { shard, contestant, atMs } of votes) {
      const start = windowStart(atMs)
      if (start + WINDOW_MS + WINDOW_KEPT_MS <= nowMs) continue
      pipeline.hincrby(windowKey(shard as never, event, start), String(contestant), 1)
    }
    await pipeline.exec()
  }

  /** As the archive writes them, up to a time: absolute values, some of them written again. */
  const archive = async (event: EventNumber, votes: readonly VoteAt[], untilMs: number, sequence: number) => {
    const totals = new Map<string, { shard: number; contestant: number; minute: number; votes: number }>()
    for (const { shard, contestant, atMs } of votes) {
      if (atMs >= untilMs) continue
      const minute = (atMs - (atMs % MINUTE)) / 1_000
      const key = `${shard}:${contestant}:${minute}`
      const total = totals.get(key) ?? { shard, contestant, minute, votes: 0 }
      totals.set(key, { ...total, votes: total.votes + 1 })
    }
    const rows = [...totals.values()].flatMap((total) => {
      const row = { ...total, event, generation: GENERATION, sequence }
      return [{ ...row, votes: 1, sequence: 1 }, row, row]
    })
    const positions = allShards(SHARDS).map((shard) => ({
      event: 0,
      minute: 0,
      contestant: 0,
      shard,
      generation: GENERATION,
      votes: 0,
      sequence,
    }))
    await clickhouse.command({
      query: 'ALTER TABLE window_tallies DELETE WHERE event = 0 SETTINGS mutations_sync = 1',
    })
    await clickhouse.insert({
      table: 'window_tallies',
      values: [...rows, ...positions],
      format: 'JSONEachRow',
    })
  }

  const read = async (event: EventNumber, nowMs: number, request: Partial<TimelineRequest>) => {
    const record = {
      version: 1,
      number: event,
      name: 'Final',
      createdBy: 1 as never,
      createdAtMs: 0,
      opensAtMs: null,
      closesAtMs: null,
      contestants: ['A', 'B', 'C'].map((name) => ({ name, description: '', imageUrl: '' })),
    } as const
    const timelines = createTimelines({
      recent: createRecentWindows({ redis, shards: SHARDS }),
      archived: createArchivedWindows(createArchiveQueries({ clickhouse, timeoutMs: 5_000 })),
      now: () => nowMs,
    })
    return timelines.read(callerOf(9), projectEvent(createOpaqueIds('a secret for the tests'))(record), {
      window: 'MINUTE',
      fromMs: undefined,
      toMs: undefined,
      last: undefined,
      ...request,
    })
  }

  const expected = (
    votes: readonly VoteAt[],
    windowMs: number,
    fromMs: number,
    endMs: number,
  ): WindowVotes[] => {
    const counts = new Map<string, number>()
    for (const { contestant, atMs } of votes) {
      const start = atMs - (atMs % windowMs)
      if (start < fromMs || start >= endMs) continue
      const key = `${start}:${contestant}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return [...counts]
      .map(([key, count]) => {
        const [startMs = 0, contestant = 0] = key.split(':').map(Number)
        return { startMs, contestant: contestant as never, votes: count }
      })
      .sort((a, b) => a.startMs - b.startMs || a.contestant - b.contestant)
  }

  const newEvent = (): EventNumber => {
    events += 1
    return eventNumber(events)
  }

  for (const [name, lagMs] of [
    ['at its end', -1],
    ['twenty minutes behind', 20 * MINUTE],
  ] as const) {
    it(`counts every vote once, whenever it is asked for, with the archive ${name}`, async () => {
      for (const offsetMs of [0, 52_500, 59 * MINUTE + 59_000]) {
        const event = newEvent()
        const nowMs = NOW + offsetMs
        const votes = votesUntil(nowMs)
        await tally(event, votes, nowMs)
        await archive(event, votes, nowMs - lagMs, lagMs < 0 ? SEQUENCE : SEQUENCE - 10)
        for (const [window, windowMs, last] of [
          ['MINUTE', MINUTE, 200],
          ['HOUR', HOUR, 4],
          ['TEN_SECONDS', WINDOW_MS, 300],
        ] as const) {
          const endMs = nowMs - (nowMs % windowMs) + windowMs
          const found = await read(event, nowMs, { window, last })
          assert.deepEqual(
            found,
            expected(votes, windowMs, endMs - last * windowMs, endMs),
            `${window} ${offsetMs}`,
          )
        }
      }
    })
  }

  it('shows the part that is asked for', async () => {
    const event = newEvent()
    const votes = votesUntil(NOW)
    await tally(event, votes, NOW)
    await archive(event, votes, NOW + 1, SEQUENCE)
    const border = NOW - (NOW % MINUTE)
    const range = { fromMs: border - 70 * MINUTE, toMs: border - 20 * MINUTE }
    assert.deepEqual(await read(event, NOW, range), expected(votes, MINUTE, range.fromMs, range.toMs))
    const latest = await read(event, NOW, { ...range, last: 2 })
    assert.deepEqual(latest, expected(votes, MINUTE, range.toMs - 2 * MINUTE, range.toMs))
  })

  it('follows decisions about votes of any age', async () => {
    const event = newEvent()
    const votes = [
      { shard: 0, contestant: 1, atMs: NOW - 3 * HOUR },
      { shard: 0, contestant: 1, atMs: NOW - 3 * HOUR },
      { shard: 1, contestant: 2, atMs: NOW - 2 * HOUR },
    ]
    const flagged = { shard: 1, contestant: 0, atMs: NOW - 2 * HOUR }
    await tally(event, votes, NOW)
    await archive(event, votes, NOW + 1, SEQUENCE)
    const place = { event, generation: GENERATION, kind: 'vote', position: 0 }
    const entries = [...votes, flagged].map(({ shard, contestant, atMs }, index) => ({
      ...place,
      shard,
      contestant,
      voter: 2 * index + shard,
      sequence: index + 1,
      acked_at: new Date(atMs).toISOString().slice(0, -1),
      flags: index === votes.length ? 1 : 0,
    }))
    await clickhouse.insert({ table: 'votes_log', values: entries, format: 'JSONEachRow' })
    const decide = async (index: number, verdict: 'reject' | 'admit', sequence: number) => {
      const { shard, contestant, voter, acked_at: voted_at } = entries[index] ?? {}
      const decision = {
        event,
        shard,
        voter,
        contestant,
        voted_at,
        verdict,
        generation: GENERATION,
        sequence,
      }
      await clickhouse.insert({ table: 'decisions_log', values: [decision], format: 'JSONEachRow' })
    }
    const shown = async () =>
      (await read(event, NOW, { window: 'HOUR', last: 5 })).map((window) => window.votes)
    assert.deepEqual(await shown(), [2, 1])
    await decide(0, 'reject', 10)
    await decide(2, 'reject', 10)
    assert.deepEqual(await shown(), [1])
    await decide(3, 'admit', 11)
    await decide(2, 'admit', 11)
    assert.deepEqual(await shown(), [1, 1, 1])
    await decide(0, 'admit', 12)
    assert.deepEqual(await shown(), [2, 1, 1])
  })

  it('says nothing rather than too little while the archive is too far behind', async () => {
    const event = newEvent()
    const votes = votesUntil(NOW)
    await tally(event, votes, NOW)
    await archive(event, votes, NOW - 90 * MINUTE, SEQUENCE - 10)
    await assert.rejects(read(event, NOW, { last: 120 }), { code: 'RESULTS_UNAVAILABLE' })
    const endMs = NOW - (NOW % MINUTE) + MINUTE
    assert.deepEqual(
      await read(event, NOW, { last: 30 }),
      expected(votes, MINUTE, endMs - 30 * MINUTE, endMs),
    )
  })

  it('shows the recent past without the archive, and says so of the rest', async () => {
    const event = newEvent()
    const votes = votesUntil(NOW)
    await tally(event, votes, NOW)
    await servers.kill('clickhouse')
    const endMs = NOW - (NOW % MINUTE) + MINUTE
    assert.deepEqual(
      await read(event, NOW, { last: 30 }),
      expected(votes, MINUTE, endMs - 30 * MINUTE, endMs),
    )
    await assert.rejects(read(event, NOW, { last: 120 }), { code: 'RESULTS_UNAVAILABLE' })
    await assert.rejects(read(event, NOW, { window: 'HOUR', last: 2 }), { code: 'RESULTS_UNAVAILABLE' })
  })

  it('shows nothing while a shard is being rebuilt', async () => {
    await redis.hset(checkpointKey(allShards(SHARDS)[1] as never), 'whole_at', SEQUENCE + 1)
    await assert.rejects(read(newEvent(), NOW, { last: 30 }), { code: 'RESULTS_UNAVAILABLE' })
  })
})
