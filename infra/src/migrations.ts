import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { ClickHouseClient } from './clickhouse.js'
import { splitStatements } from './sql-statements.js'

export interface Migration {
  /** 1, 2, 3 …: the order in which they are applied. */
  readonly number: number
  readonly name: string
  readonly statements: readonly string[]
  /** Of the file as it stands: an applied file must never change. */
  readonly checksum: string
}

/** A migration that was applied is not the file of that number any more, or a number is missing. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

const FILE = /^(\d{4})-[a-z0-9-]+\.sql$/

/** Reads `0001-….sql`, `0002-….sql` … @throws MigrationError when their numbers are not 1, 2, 3 … */
export const readMigrations = async (folder: URL): Promise<Migration[]> => {
  const names = (await readdir(folder)).filter((name) => FILE.test(name)).sort()
  return Promise.all(
    names.map(async (name, index) => {
      const number = Number(FILE.exec(name)?.[1])
      if (number !== index + 1) throw new MigrationError(`${name} should have number ${index + 1}`)
      const sql = await readFile(new URL(name, folder), 'utf8')
      const checksum = createHash('sha256').update(sql).digest('hex')
      return { number, name, statements: splitStatements(sql), checksum }
    }),
  )
}

interface ApplyOptions {
  readonly clickhouse: ClickHouseClient
  readonly migrations: readonly Migration[]
  /** Told what was done, a line each. */
  readonly say: (line: string) => void
}

const REGISTER = `CREATE TABLE IF NOT EXISTS schema_migrations (
  number UInt32,
  name String,
  checksum String COMMENT 'SHA-256 of the file',
  applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The migrations that were applied to this database.'`

/**
 * Applies what was not applied yet, in order. It may die anywhere: a file is noted only after its last
 * statement, and its statements can be run again. For the same reason two of it at once do no harm.
 * @returns the names of what was applied now.
 * @throws MigrationError when a file changed after it was applied.
 */
export const applyMigrations = async ({ clickhouse, migrations, say }: ApplyOptions): Promise<string[]> => {
  await clickhouse.command({ query: REGISTER })
  const applied = await appliedChecksums(clickhouse)
  refuseChanged(migrations, applied)
  const done: string[] = []
  for (const { number, name, statements, checksum } of migrations) {
    if (applied.has(number)) continue
    for (const query of statements) await clickhouse.command({ query })
    await clickhouse.insert({
      table: 'schema_migrations',
      values: [{ number, name, checksum }],
      format: 'JSONEachRow',
      columns: ['number', 'name', 'checksum'],
    })
    say(`applied ${name}`)
    done.push(name)
  }
  return done
}

const refuseChanged = (migrations: readonly Migration[], applied: ReadonlyMap<number, string>): void => {
  for (const { number, name, checksum } of migrations) {
    const before = applied.get(number)
    if (before !== undefined && before !== checksum) {
      throw new MigrationError(`${name} changed after it was applied; write a new migration instead`)
    }
  }
}

const appliedChecksums = async (clickhouse: ClickHouseClient): Promise<Map<number, string>> => {
  const result = await clickhouse.query({
    query: 'SELECT number, checksum FROM schema_migrations FINAL ORDER BY number',
    format: 'JSONEachRow',
  })
  const rows = await result.json<{ number: number; checksum: string }>()
  return new Map(rows.map(({ number, checksum }) => [number, checksum]))
}
