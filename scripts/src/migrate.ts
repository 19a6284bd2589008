import { setTimeout } from 'node:timers/promises'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { readEnvironment } from './environment.js'
import { connectToClickhouse } from './store-logins.js'

/** `npm run migrate`: brings ClickHouse's tables and views to what this code expects. */

const WAIT_MS = 60_000
const LOOK_EVERY_MS = 250

const say = (line: string): void => console.error(`migrate: ${line}`)

try {
  const clickhouse = await connectToClickhouse(readEnvironment(repositoryRoot()))
  const giveUpAtMs = performance.now() + WAIT_MS
  for (let said = false; ; said = true) {
    const answer = await clickhouse.ping()
    if (answer.success) break
    if (performance.now() > giveUpAtMs) throw new Error('ClickHouse does not answer', { cause: answer.error })
    if (!said) say('waiting for ClickHouse')
    await setTimeout(LOOK_EVERY_MS)
  }
  const done = await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say })
  say(done.length === 0 ? 'nothing to do' : `${done.length} applied`)
  await clickhouse.close()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  if (error instanceof Error && error.cause) console.error(error.cause)
  process.exitCode = 1
}
