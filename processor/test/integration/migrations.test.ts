import assert from 'node:assert/strict'
import { applyMigrations, MigrationError, readMigrations } from '@votestream/infra/migrations'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { startTestArchive, type TestArchive } from './test-archive.js'

describe('The migrations of ClickHouse', function () {
  this.timeout(60_000)
  let archive: TestArchive

  before(async () => {
    archive = await startTestArchive()
  })
  after(() => archive?.stop())

  const migrate = async (change: (checksum: string) => string = (checksum) => checksum) => {
    const migrations = await readMigrations(migrationsFolder)
    return applyMigrations({
      clickhouse: archive.clickhouse,
      migrations: migrations.map((migration) => ({ ...migration, checksum: change(migration.checksum) })),
      say: () => {},
    })
  }

  it('are applied once', async () => {
    assert.deepEqual(await migrate(), [])
  })

  it('can be applied again when they were cut off before they were noted', async () => {
    await archive.clickhouse.command({ query: 'TRUNCATE TABLE schema_migrations' })
    const names = (await readMigrations(migrationsFolder)).map(({ name }) => name)
    assert.deepEqual(await migrate(), names)
  })

  it('are refused when a file changed after it was applied', async () => {
    await assert.rejects(
      migrate((checksum) => checksum.replace(/^./, '!')),
      MigrationError,
    )
  })
})
