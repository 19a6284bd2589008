import { setTimeout as pause } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { Shard } from '@votestream/schema/numbers'
import { RebuildError } from './context.js'

/** The tables that follow from the log, in the order in which they may be changed: the checkpoint is in the last. */
export const LOG_TABLES = ['votes_log', 'decisions_log', 'dead_entries', 'window_tallies'] as const
export type LogTable = (typeof LOG_TABLES)[number]

export type Values = Record<string, string | number>

/** Statements on a database beside the live one, with tables like the live ones. */
export interface ClickhouseShadow {
  readonly database: string
  /** Makes what is missing of it. */
  make(): Promise<void>
  drop(): Promise<void>
  /**
   * Resolves when no deletion in the live tables is under way. ClickHouse carries out what it was asked for though
   * whoever asked is gone: it would undo what is mended meanwhile.
   * @throws RebuildError when one fails, or takes too long; what the signal was aborted with.
   */
  settled(say: (line: string) => void, signal: AbortSignal): Promise<void>
  command(query: string, values?: Values): Promise<void>
  select<Row>(query: string, values?: Values): Promise<Row[]>
}

const LOOK_EVERY_MS = 100
/** As long as this command waits for a deletion of its own. */
const SETTLED_WITHIN_MS = 600_000

/** What was changed is on disk when the statement returns. */
const SETTINGS = {
  async_insert: 0,
  insert_deduplicate: 0,
  fsync_metadata: 1,
  mutations_sync: '2',
  max_partitions_per_insert_block: '0',
} as const

export const createClickhouseShadow = (clickhouse: ClickHouseClient, database: string): ClickhouseShadow => {
  const command = async (query: string, values: Values = {}): Promise<void> => {
    await clickhouse.command({ query, query_params: values, clickhouse_settings: SETTINGS })
  }
  const select = async <Row>(query: string, values: Values = {}): Promise<Row[]> => {
    const result = await clickhouse.query({
      query,
      query_params: values,
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    })
    return result.json<Row>()
  }
  return {
    database,
    command,
    select,
    async make() {
      await command(`CREATE DATABASE IF NOT EXISTS ${database}`)
      for (const table of LOG_TABLES) {
        await command(`CREATE TABLE IF NOT EXISTS ${database}.${table} AS ${table}`)
      }
    },
    drop: () => command(`DROP DATABASE IF EXISTS ${database} SYNC`),
    async settled(say, signal) {
      const giveUpAtMs = performance.now() + SETTLED_WITHIN_MS
      for (let said = ''; ; signal.throwIfAborted()) {
        const [one] = await select<{ table: string; id: string; failure: string }>(UNDER_WAY_QUERY)
        if (!one) return
        const what = `the deletion ${one.id} in ${one.table}, which was under way before`
        if (one.failure) throw new RebuildError(`${what}, fails: ${one.failure}`)
        if (performance.now() > giveUpAtMs) throw new RebuildError(`${what}, takes too long`)
        if (said !== what) say(`waiting for ${what}`)
        said = what
        await pause(LOOK_EVERY_MS)
      }
    },
  }
}

const UNDER_WAY_QUERY = `
SELECT table, mutation_id AS id, latest_fail_reason AS failure FROM system.mutations
WHERE NOT is_done AND database = currentDatabase() AND table IN (${LOG_TABLES.map((table) => `'${table}'`).join()})
ORDER BY failure DESC
LIMIT 1`

/**
 * Puts a shard's partitions of the shadow in place of the live ones. Each is replaced whole or not at all. Dying in
 * between: the rest is as old as it was, and the archive's checkpoint, which is in the last table, with it.
 */
export const replacePartitions = async (shadow: ClickhouseShadow, shard: Shard): Promise<void> => {
  const { database } = shadow
  for (const table of LOG_TABLES) {
    const parts = await shadow.select<{ id: string; isNew: number }>(PARTITIONS_QUERY, {
      database,
      table,
      shard,
    })
    for (const { id, isNew } of parts) {
      const change = isNew
        ? `REPLACE PARTITION ID {id:String} FROM ${database}.${table}`
        : 'DROP PARTITION ID {id:String}'
      await shadow.command(`ALTER TABLE ${table} ${change}`, { id })
    }
  }
}

/** A partition's id begins with the shard, behind which stands the month where there is one. */
const PARTITIONS_QUERY = `
SELECT partition_id AS id, max(database = {database:String}) AS isNew
FROM system.parts
WHERE active AND table = {table:String} AND database IN ({database:String}, currentDatabase())
  AND splitByChar('-', partition_id)[1] = {shard:String}
GROUP BY partition_id`

/** One log's rows in a shard, from its present beginning on. */
export const FROM_LOG =
  'shard = {shard:UInt8} AND generation = {generation:String} AND sequence >= {first:UInt64}'

/** The minutes of a log as its archive writes them: votes that count, before anybody decides on them. */
export const windowsOf = (where: string): string => `
SELECT event, toStartOfMinute(acked_at, 'UTC') AS minute, contestant, shard, generation, count() AS votes
FROM undecided_outcomes
WHERE outcome = 'counted' AND shard = {shard:UInt8} AND generation = {generation:String} AND ${where}
GROUP BY event, minute, contestant, shard, generation`
