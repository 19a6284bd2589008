import assert from 'node:assert/strict'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import type { EventRecord } from '@votestream/schema/event-record'
import { type ContestantIndex, eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createCatalogTables } from '../../src/archive/catalog-tables.js'

const OPENED_MS = Date.UTC(2026, 0, 1)
const OPENED = '2026-01-01 00:00:00.000'

const record = (number: number, closesAtMs: number | null): EventRecord => ({
  version: 1,
  number: eventNumber(number),
  name: `Event ${number}, "quoted"`,
  createdBy: 5 as VoterNumber,
  createdAtMs: OPENED_MS,
  opensAtMs: null,
  closesAtMs,
  contestants: ['Ada', 'Grace'].map((name) => ({ name, description: '', imageUrl: '' })),
})

describe('The tables of the catalog', function () {
  this.timeout(60_000)
  let servers: TestServers
  let clickhouse: ClickHouseClient

  before(async () => {
    servers = await startServersForTest(['clickhouse'])
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    await applyMigrations({
      clickhouse,
      migrations: await readMigrations(migrationsFolder),
      say: () => {},
    })
  })
  after(async () => {
    await clickhouse?.close()
    await servers?.stop()
  })

  const rows = async (query: string): Promise<unknown[]> =>
    (await clickhouse.query({ query, format: 'JSONCompactEachRow' })).json()

  const until = async (query: string, expected: unknown[]): Promise<void> => {
    const giveUpAtMs = performance.now() + 10_000
    for (;;) {
      const found = await rows(query)
      if (JSON.stringify(found) === JSON.stringify(expected) || performance.now() > giveUpAtMs) {
        return assert.deepEqual(found, expected)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  it('hold the latest state of each event once, and its contestants by their public identifiers', async () => {
    const ids = createOpaqueIds('a secret of a test')
    const logger = createLogger('catalog-test', 'silent')
    const tables = createCatalogTables({ clickhouse, logger, now: Date.now, ids, pauseMs: 10 })
    const ended = new AbortController()
    const running = tables.run(ended.signal)
    tables.learn(record(1, null))
    tables.learn(record(2, null))
    await until('SELECT event, closes_at FROM events ORDER BY event', [
      [1, null],
      [2, null],
    ])
    tables.learn(record(2, OPENED_MS + 1))
    await until('SELECT event, event_id, closes_at FROM events ORDER BY event', [
      [1, ids.eventId(eventNumber(1)), null],
      [2, ids.eventId(eventNumber(2)), '2026-01-01 00:00:00.001'],
    ])
    await until('SELECT contestant_id, name FROM contestants WHERE event = 2 ORDER BY contestant', [
      [ids.contestantId(eventNumber(2), 0 as ContestantIndex), 'Ada'],
      [ids.contestantId(eventNumber(2), 1 as ContestantIndex), 'Grace'],
    ])
    ended.abort()
    await running
  })

  it('keep canary events apart: analysts do not see their votes, but by asking for them', async () => {
    const logger = createLogger('catalog-test', 'silent')
    const tables = createCatalogTables({ clickhouse, logger, now: Date.now, pauseMs: 10 })
    const ended = new AbortController()
    const running = tables.run(ended.signal)
    tables.learn(record(11, null))
    tables.learn({ ...record(12, null), canary: true })
    await until('SELECT event, canary FROM events WHERE event > 10 ORDER BY event', [
      [11, false],
      [12, true],
    ])
    // Each event has a vote that counts, one that is flagged, and a second one of the same voter.
    await clickhouse.insert({
      table: 'votes_log',
      values: [11, 12].flatMap((event) =>
        [
          { voter: 1, sequence: 1, flags: 0 },
          { voter: 3, sequence: 2, flags: 1 },
          { voter: 1, sequence: 3, flags: 0 },
        ].map((entry) => ({ ...entry, event, shard: 1, generation: 'g', kind: 'vote', acked_at: OPENED })),
      ),
      format: 'JSONEachRow',
    })
    await clickhouse.insert({
      table: 'window_tallies',
      values: [11, 12].map((event) => ({
        event,
        shard: 1,
        generation: 'g',
        minute: '2026-01-01 00:00:00',
        votes: 1,
        sequence: 3,
      })),
      format: 'JSONEachRow',
    })
    for (const view of [
      'votes',
      'rejected_votes',
      'superseded_votes',
      'votes_per_minute',
      'votes_per_hour',
    ]) {
      assert.deepEqual(await rows(`SELECT event FROM ${view}`), [[11]], view)
    }
    assert.deepEqual(await rows('SELECT event, voter FROM canary_votes'), [[12, 1]])
    // An older program's state of the event, without the mark.
    await clickhouse.insert({
      table: 'event_records',
      values: [{ event: 12, written_at: '2100-01-01 00:00:00' }],
      format: 'JSONEachRow',
    })
    assert.deepEqual(await rows('SELECT event FROM votes'), [[11]])
    // The books, and the page of the event itself, go by what tells of everything.
    assert.deepEqual(await rows('SELECT count() FROM vote_outcomes WHERE event = 12'), [[3]])
    assert.deepEqual(await rows('SELECT votes FROM minute_votes WHERE event = 12'), [[1]])
    ended.abort()
    await running
  })
})
