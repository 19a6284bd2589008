import assert from 'node:assert/strict'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { type DeadLetters, openDeadLetters } from '@votestream/infra/dead-letters'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { createReplay, type Replay } from '@votestream/schema/replay'
import { DEAD_STREAM, voteStream, voteSubject } from '@votestream/schema/subjects'
import fc from 'fast-check'
import { createArchive } from '../../src/archive/archive-lane.js'
import type { ArchiveEntry } from '../../src/archive/archive-rows.js'
import { type ArchiveTables, openArchiveTables } from '../../src/archive/archive-tables.js'
import { randomLog } from '../unit/random-log.js'

export const SHARD = 0 as Shard
export const SHARDS = 2
const MINUTE_MS = 60_000
const logger = createLogger('archive-test', 'silent')

export const TABLES = ['votes_log', 'decisions_log', 'dead_entries', 'window_tallies']

export interface TestArchive {
  readonly servers: TestServers
  readonly nats: Nats
  readonly clickhouse: ClickHouseClient
  readonly deadLetters: DeadLetters
  /** What stands still, as it was last said. */
  readonly halts: Map<string, string>
  rows(query: string): Promise<unknown[][]>
  publish(messages: readonly Pick<ArchiveEntry, 'data'>[]): Promise<void>
  startLane(options?: { untilSequence?: number; database?: string }): LaneUnderTest
  openTables(): Promise<ArchiveTables>
  until(what: string, condition: () => Promise<boolean>): Promise<void>
  untilArchived(): Promise<void>
  /** The views against a plain replay of the same messages. */
  assertExact(log: readonly ArchiveEntry[], database?: string): Promise<void>
  makeLogAnew(): Promise<void>
  /** As it was at the beginning: no lanes, no rows, new logs. */
  clear(): Promise<void>
  stop(): Promise<void>
}

export interface LaneUnderTest {
  readonly done: Promise<void>
  readonly stop: () => Promise<void>
}

export const sampleLog = (seed: number): ArchiveEntry[] => {
  const [log = []] = fc.sample(randomLog({ messagesMin: 80, messagesMax: 120 }), { seed, numRuns: 1 })
  return log
}

/** An archive of two shards on servers of its own, looked at through shard 0. */
export const startTestArchive = async (): Promise<TestArchive> => {
  const servers = await startServersForTest(['nats', 'clickhouse'])
  const nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
  const clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
  const migrations = await readMigrations(migrationsFolder)
  await applyMigrations({ clickhouse, migrations, say: () => {} })
  const deadLetters = await openDeadLetters(nats, 1)
  const halts = new Map<string, string>()
  let lanes: LaneUnderTest[] = []
  await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })

  const rows = async (query: string): Promise<unknown[][]> => {
    const result = await clickhouse.query({
      query,
      format: 'JSONCompactEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    })
    return result.json<unknown[]>()
  }

  const openTables = async (): Promise<ArchiveTables> => {
    const { generation } = await logPosition(nats, SHARD)
    const { signal } = new AbortController()
    return openArchiveTables({ clickhouse, shard: SHARD, shards: SHARDS, generation, signal })
  }

  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    const giveUpAtMs = performance.now() + 20_000
    for (;;) {
      const askedAtMs = performance.now()
      if (await condition().catch(() => false)) return
      if (performance.now() > giveUpAtMs) throw new Error(`not within the time: ${what}`)
      // What takes long to answer would otherwise hold up what is waited for.
      const waitMs = Math.max(20, 3 * (performance.now() - askedAtMs))
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  const makeLogAnew = async (): Promise<void> => {
    await nats.jsm.streams.delete(voteStream(SHARD))
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
  }

  return {
    servers,
    nats,
    clickhouse,
    deadLetters,
    halts,
    rows,
    openTables,
    until,
    makeLogAnew,
    async publish(messages) {
      for (const { data } of messages) await nats.js.publish(voteSubject(SHARD), data)
    },
    startLane({ untilSequence, database } = {}) {
      const ended = new AbortController()
      const archive = createArchive({
        nats,
        clickhouse,
        shards: SHARDS,
        logger,
        deadLetters,
        halts: {
          set: (role, shard, why) => void halts.set(`${role} ${shard}`, why),
          clear: (role, shard) => void halts.delete(`${role} ${shard}`),
        },
        rowsMax: 20,
        pauseMs: 20,
        ...(database === undefined ? {} : { database }),
      })
      const until = untilSequence === undefined ? {} : { untilSequence }
      const done = archive.runLane({ shard: SHARD, signal: ended.signal, ...until })
      // A lane that is meant to fail is looked at by its test.
      done.catch(() => {})
      const stop = async () => {
        ended.abort()
        await done.catch(() => {})
      }
      lanes.push({ done, stop })
      return { done, stop }
    },
    async untilArchived() {
      const tables = await openTables()
      const { lastSequence } = await logPosition(nats, SHARD)
      await until(`archived up to ${lastSequence}`, async () => (await tables.checkpoint()) === lastSequence)
    },
    async assertExact(log, database = 'default') {
      const replay = createReplay()
      for (const { message } of log) replay.apply(message)
      // Every view is named after FROM.
      const within: Query = (query) => rows(query.replaceAll(/FROM (\w+)/g, `FROM \`${database}\`.$1`))
      await assertBooks(within, replay)
      await assertWindows(within, replay)
    },
    async clear() {
      await clickhouse.command({ query: 'SYSTEM START MERGES votes_log' })
      await Promise.all(lanes.map((lane) => lane.stop()))
      lanes = []
      halts.clear()
      for (const shard of allShards(SHARDS)) await nats.jsm.streams.delete(voteStream(shard))
      await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
      await nats.jsm.streams.purge(DEAD_STREAM)
      for (const table of TABLES) await clickhouse.command({ query: `TRUNCATE TABLE ${table}` })
    },
    async stop() {
      await Promise.all(lanes.map((lane) => lane.stop()))
      await clickhouse.close()
      await nats.close()
      await servers.stop()
    },
  }
}

type Query = TestArchive['rows']

const numerically = ([a]: readonly [number, ...unknown[]], [b]: readonly [number, ...unknown[]]): number =>
  a - b

/** What became of every entry. */
const assertBooks = async (rows: Query, replay: Replay): Promise<void> => {
  const books = [...replay.books].sort(numerically)
  const dead = books.flatMap(([event, book]) => (book.dead > 0 ? [[event, book.dead]] : []))
  const outcomes = books.flatMap(([event, book]) =>
    book.entries - book.dead > 0
      ? [[event, book.entries - book.dead, book.counted, book.rejected, book.superseded]]
      : [],
  )
  assert.deepEqual(
    await rows('SELECT event, contestant, count() FROM votes GROUP BY ALL ORDER BY ALL'),
    books.flatMap(([event, book]) =>
      [...book.totals].sort(numerically).map(([contestant, votes]) => [event, contestant, votes]),
    ),
  )
  assert.deepEqual(
    await rows(`SELECT event, count(), countIf(outcome = 'counted'), countIf(outcome = 'rejected'),
      countIf(outcome = 'superseded') FROM vote_outcomes GROUP BY event ORDER BY event`),
    outcomes,
  )
  assert.deepEqual(await rows('SELECT event, count() FROM dead_letters GROUP BY event ORDER BY event'), dead)
  for (const [index, view] of [
    [2, 'votes'],
    [3, 'rejected_votes'],
    [4, 'superseded_votes'],
  ] as const) {
    const sum = outcomes.reduce((total, row) => total + (row[index] ?? 0), 0)
    assert.deepEqual(await rows(`SELECT count() FROM ${view}`), [[sum]], view)
  }
}

/** When they came in. */
const assertWindows = async (rows: Query, replay: Replay): Promise<void> => {
  for (const [view, time, lengthMs] of [
    ['votes_per_minute', 'minute', MINUTE_MS],
    ['votes_per_hour', 'hour', 60 * MINUTE_MS],
  ] as const) {
    const expected = new Map<string, number>()
    for (const [event, { windows }] of replay.books) {
      for (const [startMs, totals] of windows) {
        for (const [contestant, votes] of totals) {
          const key = [event, contestant, (startMs - (startMs % lengthMs)) / 1000].join()
          expected.set(key, (expected.get(key) ?? 0) + votes)
        }
      }
    }
    const found = await rows(`SELECT event, contestant, toUnixTimestamp(${time}), votes FROM ${view}`)
    assert.deepEqual(
      found.map((row) => [row.slice(0, 3).join(), row[3]]).sort(),
      [...expected].filter(([, votes]) => votes > 0).sort(),
      view,
    )
  }
}
