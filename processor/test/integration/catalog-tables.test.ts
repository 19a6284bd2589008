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
})
