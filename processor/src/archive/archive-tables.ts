import { Readable } from 'node:stream'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import type { EventNumber, VoterNumber } from '@votestream/schema/numbers'
import type { ArchivePosition, DeadRow, DecisionRow, LogRow, WindowTotal } from './archive-rows.js'
import { type ArchiveState, createArchiveState } from './archive-state.js'
import {
  DEAD_COLUMNS,
  DECISION_COLUMNS,
  encodeDeadRows,
  encodeDecisionRows,
  encodeLogRows,
  encodeWindowRows,
  LOG_COLUMNS,
  type RowSource,
  WINDOW_COLUMNS,
} from './row-binary.js'
import { type RowCount, rowCountQuery } from './row-count.js'
import {
  createWitnesses,
  type RowKey,
  WITNESS_KEYS,
  WITNESS_PARTITIONS,
  WITNESS_TABLES,
  type Witnesses,
  type WitnessTable,
} from './witnesses.js'

/** The archive's tables in ClickHouse, for one shard. */
export interface ArchiveTables {
  /** How far the archive is: 0 when it has nothing of this stream. */
  checkpoint(): Promise<number>
  /** How many rows of `votes_log` and `decisions_log` it said to have, and how many it has. It reads through them. */
  countRows(checkpoint: number): Promise<RowCount>
  /** What the archive knows of the shard as of its checkpoint. @throws Error when somebody moved it meanwhile. */
  loadState(checkpoint: number): Promise<ArchiveState>
  /** How far the archive is, which tables lack rows that it is known to have written, and since when it runs. */
  look(witnesses: Witnesses): Promise<{
    readonly checkpoint: number
    readonly lost: readonly WitnessTable[]
    readonly uptimeSeconds: number
  }>
  /** Rows that are there as of a checkpoint. */
  loadWitnesses(checkpoint: number): Promise<Witnesses>
  /**
   * The archive of this log is begun anew: the rows that are there will be written again. The position and the
   * windows go at one moment: nobody sees some without the others.
   * @throws Error when they are not in one part yet; nothing was forgotten then.
   */
  forget(): Promise<void>
  /** One block. The rows are of one partition. */
  insertRows(rows: readonly LogRow[]): Promise<void>
  /** The same for rows that `encodeLogRows` made, in one piece or more. */
  insertPacked(rows: readonly Buffer[]): Promise<void>
  /** One block. */
  insertDecisions(rows: readonly DecisionRow[]): Promise<void>
  /** One block. */
  insertDead(rows: readonly DeadRow[]): Promise<void>
  /** One block: the windows, and how far the archive is. */
  insertWindows(windows: readonly WindowTotal[], position: ArchivePosition): Promise<void>
}

interface ArchiveTablesOptions extends RowSource {
  readonly clickhouse: ClickHouseClient
  readonly shards: number
  /** Where the tables are; the client's own database when there is none. */
  readonly database?: string
  /** Cuts off what is under way. An insert may then have happened or not: both are as good as before it. */
  readonly signal: AbortSignal
}

/** A block is on disk, as it was sent, when the insert returns; a known block is never skipped as a repetition. */
const INSERT_SETTINGS = { async_insert: 0, insert_deduplicate: 0, fsync_metadata: 1 } as const

export const openArchiveTables = ({
  clickhouse,
  shard,
  generation,
  shards,
  database,
  signal,
}: ArchiveTablesOptions): ArchiveTables => {
  const source = { shard, generation }
  const votesLog = qualified('votes_log', database)
  const windowTallies = qualified('window_tallies', database)

  const insert = async (table: string, columns: string, rows: Buffer): Promise<void> => {
    const { stream } = await clickhouse.exec({
      query: `INSERT INTO ${table} (${columns}) FORMAT RowBinary`,
      values: Readable.from([rows], { objectMode: false }),
      clickhouse_settings: INSERT_SETTINGS,
      abort_signal: signal,
    })
    // The connection is free for the next insert only when its answer was read.
    for await (const _ of stream);
  }

  const command = async (query: string): Promise<void> => {
    await clickhouse.command({ query, query_params: source, abort_signal: signal })
  }

  const select = async <Row>(query: string, values: Record<string, unknown>): Promise<Row[]> => {
    const result = await clickhouse.query({
      query,
      query_params: { ...source, ...values },
      format: 'JSONEachRow',
      abort_signal: signal,
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    })
    return result.json<Row>()
  }

  /** For a query that always has one row: no answer is not the answer that there is nothing. */
  const selectOne = async <Row>(query: string, values: Record<string, unknown>): Promise<Row> => {
    const [row] = await select<Row>(query, values)
    if (row === undefined) throw new Error(`shard ${shard}: ClickHouse gave no answer`)
    return row
  }

  const checkpointNow = async (): Promise<number> =>
    (await selectOne<{ sequence: number }>(checkpointQuery(windowTallies), {})).sequence

  return {
    checkpoint: checkpointNow,
    async countRows(checkpoint) {
      return selectOne(
        rowCountQuery((table) => qualified(table, database)),
        { checkpoint },
      )
    },
    async loadState(checkpoint) {
      const state = createArchiveState(shards)
      const closings = await select<{ event: EventNumber }>(closingsQuery(votesLog), { checkpoint })
      for (const { event } of closings) state.restoreClosing(event)
      const totals = await select<WindowTotal>(windowsQuery(windowTallies), {})
      for (const total of totals) state.restoreWindow(total)
      const { stream } = await clickhouse.exec({
        query: votersQuery(votesLog),
        query_params: { ...source, checkpoint },
        abort_signal: signal,
      })
      await readVoters(stream, state.restoreVoter)
      // A writer that lost its lease may still have had an insert under way: then the windows read above are
      // of a later time than the voters.
      if ((await checkpointNow()) !== checkpoint) throw new Error(`shard ${shard}: the archive moved on`)
      return state
    },
    async look(witnesses) {
      // As many as are asked for: while the answer is on its way a batch may be written, and there are more of them.
      const asked = WITNESS_TABLES.map((table) => ({ table, count: witnesses.count(table) }))
      const found = await selectOne<Record<WitnessTable | 'checkpoint' | 'uptimeSeconds', number>>(
        lookQuery(witnesses, database),
        {},
      )
      const lost = asked.flatMap(({ table, count }) => (found[table] < count ? [table] : []))
      return { checkpoint: found.checkpoint, lost, uptimeSeconds: found.uptimeSeconds }
    },
    async loadWitnesses(checkpoint) {
      const witnesses = createWitnesses()
      for (const table of WITNESS_TABLES) {
        const found = await select<WitnessRow>(witnessesQuery(table, database), { checkpoint })
        for (const { place, first, latest } of found) witnesses.restore(table, place, first, latest)
      }
      return witnesses
    },
    async forget() {
      // A deletion is carried out part by part, and seen so. Nobody else writes windows of this shard meanwhile: what
      // was made one part stays one. Dying in between: nothing was forgotten yet.
      const partition = `PARTITION ID '${shard}'`
      await command(
        `OPTIMIZE TABLE ${windowTallies} ${partition} FINAL SETTINGS optimize_skip_merged_partitions = 1`,
      )
      const { parts } = await selectOne<{ parts: number }>(PARTS_QUERY, { database: database ?? '' })
      if (parts > 1)
        throw new Error(`shard ${shard}: the windows are in ${parts} parts, and were to be in one`)
      await command(
        `ALTER TABLE ${windowTallies} DELETE IN ${partition} WHERE ${OF_LOG} SETTINGS mutations_sync = 2`,
      )
    },
    insertRows: (rows) => insert(votesLog, LOG_COLUMNS, encodeLogRows(source, rows)),
    insertPacked: (rows) => insert(votesLog, LOG_COLUMNS, Buffer.concat(rows)),
    insertDecisions: (rows) =>
      insert(qualified('decisions_log', database), DECISION_COLUMNS, encodeDecisionRows(source, rows)),
    insertDead: (rows) =>
      insert(qualified('dead_entries', database), DEAD_COLUMNS, encodeDeadRows(source, rows)),
    insertWindows: (windows, position) =>
      insert(windowTallies, WINDOW_COLUMNS, encodeWindowRows(source, windows, position)),
  }
}

const qualified = (table: string, database: string | undefined): string =>
  database === undefined ? table : `\`${database.replace(/[\\`]/g, '\\$&')}\`.${table}`

/** What a partition of the windows consists of. */
const PARTS_QUERY = `
SELECT count() AS parts FROM system.parts
WHERE active AND table = 'window_tallies' AND partition_id = toString({shard:UInt8})
  AND database = if({database:String} = '', currentDatabase(), {database:String})`

const OF_LOG = 'shard = {shard:UInt8} AND generation = {generation:String}'

/** Each row is found by its key. */
const lookQuery = (witnesses: Witnesses, database: string | undefined): string => {
  const counts = WITNESS_TABLES.map((table) => {
    const rows = witnesses.of(table).map((row) => `(${row.join()})`)
    return `(SELECT uniqExact(${WITNESS_KEYS[table]}) FROM ${qualified(table, database)}
      WHERE ${OF_LOG} AND ${WITNESS_KEYS[table]} IN (${rows.join()})) AS ${table}`
  })
  return `SELECT (${checkpointQuery(qualified('window_tallies', database))}) AS checkpoint, uptime() AS uptimeSeconds,
    ${counts.join()}`
}

interface WitnessRow {
  readonly place: number
  readonly first: RowKey
  readonly latest: RowKey
}

const witnessesQuery = (table: WitnessTable, database: string | undefined): string => `
SELECT ${WITNESS_PARTITIONS[table]} AS place, min(${WITNESS_KEYS[table]}) AS first,
  argMax(${WITNESS_KEYS[table]}, sequence) AS latest
FROM ${qualified(table, database)}
WHERE ${OF_LOG} AND sequence <= {checkpoint:UInt64} AND ${WITNESSED[table]}
GROUP BY place
ORDER BY max(sequence)`

/** Rows that a RowKey may name. */
const WITNESSED: Record<WitnessTable, string> = {
  votes_log: "kind = 'vote'",
  decisions_log: 'true',
  dead_entries: 'true',
  window_tallies: 'event > 0',
}

const checkpointQuery = (windowTallies: string): string => `
SELECT max(sequence) AS sequence FROM ${windowTallies}
WHERE event = 0 AND shard = {shard:UInt8} AND generation = {generation:String}`

/** What is archived for good. Of another stream of this shard, all of it. */
const ARCHIVED = `shard = {shard:UInt8} AND NOT (generation = {generation:String} AND sequence > {checkpoint:UInt64})`

const closingsQuery = (votesLog: string): string => `
SELECT DISTINCT event FROM ${votesLog} WHERE voter = 0 AND kind = 'closing' AND ${ARCHIVED}`

/** The totals of the latest window, without its older states. */
const windowsQuery = (windowTallies: string): string => `
SELECT event, contestant, toUnixTimestamp(minute) * 1000 AS minuteMs, argMax(tallies.votes, sequence) AS votes
FROM ${windowTallies} AS tallies
WHERE shard = {shard:UInt8} AND generation = {generation:String} AND event > 0 AND minute = (
  SELECT max(minute) FROM ${windowTallies}
  WHERE shard = {shard:UInt8} AND generation = {generation:String} AND event > 0
)
GROUP BY event, contestant, minute`

/** Who has an entry in an open event. A voter may come more than once. */
const votersQuery = (votesLog: string): string => `
SELECT event, voter FROM ${votesLog}
WHERE voter > 0 AND kind = 'vote' AND ${ARCHIVED}
  AND event NOT IN (SELECT event FROM ${votesLog} WHERE voter = 0 AND kind = 'closing' AND ${ARCHIVED})
FORMAT RowBinary`

/** UInt32 and UInt64. */
const VOTER_RECORD_BYTES = 12

/** RowBinary as it comes, in pieces of any length: only a torn record is held. */
export const readVoters = async (
  pieces: AsyncIterable<Buffer>,
  visit: (event: EventNumber, voter: VoterNumber) => void,
): Promise<void> => {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    let at = 0
    for (; at + VOTER_RECORD_BYTES <= bytes.length; at += VOTER_RECORD_BYTES) {
      const voter = bytes.readUInt32LE(at + 4) + bytes.readUInt32LE(at + 8) * 2 ** 32
      visit(bytes.readUInt32LE(at) as EventNumber, voter as VoterNumber)
    }
    rest = bytes.subarray(at)
  }
  if (rest.length > 0) throw new Error('the list of voters from ClickHouse ended within a record')
}
