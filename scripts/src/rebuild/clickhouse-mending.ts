import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { type ClickhouseShadow, FROM_LOG, LOG_TABLES, type Values, windowsOf } from './clickhouse-shadow.js'

/** One event in one log, from the log's present beginning up to the archive's checkpoint. */
export interface EventLog {
  readonly shard: Shard
  readonly event: EventNumber
  readonly generation: string
  readonly first: number
  readonly upTo: number
}

const ROW_TABLES = LOG_TABLES.filter((table) => table !== 'window_tallies')
/** Windows named in one statement. */
const WINDOWS_AT_ONCE = 1_000

const valuesOf = ({ shard, event, generation, first, upTo }: EventLog): Values => ({
  ...{ shard, event, generation, first, upTo },
})

export interface Mended {
  /** Rows that were missing, or not as the log says. */
  readonly missing: number
  /** Rows that the log does not have, and those that were not as it says. */
  readonly spurious: number
}

/**
 * Makes the live rows of an event what the shadow's are. The right ones are written first, so that nobody sees them
 * missing; then goes what is not in the log, or is not as it says.
 * @param countOff told of rows before they are taken away.
 */
export const mendRows = async (
  shadow: ClickhouseShadow,
  log: EventLog,
  countOff: (rows: number) => Promise<void>,
): Promise<Mended> => {
  const values = valuesOf(log)
  const ofEvent = `event = {event:UInt32} AND ${FROM_LOG}`
  const wrong = `${shadow.database}.wrong_rows`
  await shadow.command(`CREATE TABLE IF NOT EXISTS ${wrong} (hash UInt64) ENGINE = MergeTree ORDER BY hash`)
  const mended = { missing: 0, spurious: 0 }
  for (const table of ROW_TABLES) {
    const anew = `${shadow.database}.${table}`
    const columns = await shadow.select<{ name: string }>(COLUMNS_QUERY, { table })
    const row = `cityHash64(${columns.map(({ name }) => name).join()})`
    const missing = `${ofEvent} AND ${row} NOT IN (SELECT ${row} FROM ${table} FINAL WHERE ${ofEvent})`
    const spurious = `${ofEvent} AND ${row} NOT IN (SELECT ${row} FROM ${anew} WHERE ${ofEvent})`
    const missingRows = await countOf(shadow, `${anew} FINAL WHERE ${missing}`, values)
    if (missingRows > 0) {
      await shadow.command(`INSERT INTO ${table} SELECT * FROM ${anew} FINAL WHERE ${missing}`, values)
    }
    const spuriousRows = await countOf(shadow, `${table} WHERE ${spurious}`, values)
    if (spuriousRows > 0) {
      await shadow.command(`INSERT INTO ${wrong} SELECT ${row} FROM ${table} WHERE ${spurious}`, values)
      await countOff(spuriousRows)
      // They are named, and not what is right: what is under way when this process dies goes on without it, and would
      // take everything away if nothing were right any more.
      const these = `${ofEvent} AND ${row} IN (SELECT hash FROM ${wrong})`
      await shadow.command(`ALTER TABLE ${table} DELETE WHERE ${these}`, values)
    }
    mended.missing += missingRows
    mended.spurious += spuriousRows
  }
  return mended
}

const COLUMNS_QUERY = `
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} ORDER BY position`

const countOf = async (shadow: ClickhouseShadow, what: string, values: Values): Promise<number> => {
  const [counted] = await shadow.select<{ rows: number }>(`SELECT count() AS rows FROM ${what}`, values)
  return counted?.rows ?? 0
}

interface WrongWindow {
  readonly minute: number
  readonly contestant: number
}

/**
 * Makes the live minutes of an event what its rows, which were mended, add up to. Dying between the deletion and the
 * insertion: they are missing, and the command begun again finds them so.
 * @returns how many minutes of a contestant were wrong.
 */
export const mendWindows = async (shadow: ClickhouseShadow, log: EventLog): Promise<number> => {
  const values = valuesOf(log)
  const anew = `${shadow.database}.window_tallies`
  await shadow.command(
    `INSERT INTO ${anew} (event, minute, contestant, shard, generation, votes, sequence)
     SELECT *, {upTo:UInt64} FROM (${windowsOf('event = {event:UInt32} AND sequence <= {upTo:UInt64}')})`,
    values,
  )
  const wrong = await shadow.select<WrongWindow>(wrongWindowsQuery(anew), values)
  for (let at = 0; at < wrong.length; at += WINDOWS_AT_ONCE) {
    const some = wrong.slice(at, at + WINDOWS_AT_ONCE)
    const named = some.map(({ minute, contestant }) => `(${minute}, ${contestant})`).join()
    const these = `${OF_EVENT} AND (toUnixTimestamp(minute), contestant) IN (${named})`
    await shadow.command(`ALTER TABLE window_tallies DELETE WHERE ${these}`, values)
    await shadow.command(`INSERT INTO window_tallies SELECT * FROM ${anew} FINAL WHERE ${these}`, values)
  }
  return wrong.length
}

const OF_EVENT = 'event = {event:UInt32} AND shard = {shard:UInt8} AND generation = {generation:String}'

const latestOf = (table: string, side: string): string => `
SELECT toUnixTimestamp(minute) AS minute, contestant, argMax(tallies.votes, sequence) AS ${side}
FROM ${table} AS tallies
WHERE ${OF_EVENT}
GROUP BY minute, contestant`

/** A window that one side does not have has no votes there, which none ever has. */
const wrongWindowsQuery = (anew: string): string => `
SELECT minute, contestant
FROM (${latestOf('window_tallies', 'live_votes')}) AS live
FULL OUTER JOIN (${latestOf(anew, 'right_votes')}) AS anew USING (minute, contestant)
WHERE live_votes != right_votes`
