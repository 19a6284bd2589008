import type { LogRow } from './archive-rows.js'
import type { PackedBatch } from './packed-batch.js'

/**
 * Rows that are known to be in ClickHouse: an early one of each partition, and the latest ones. Whatever takes
 * rows away (a table made anew, a partition dropped, a backup put in a table's place) takes one of them along, so
 * asking for these few tells of it, although all the rest of the table is not looked at.
 */
export interface Witnesses {
  /** For a row that is there already. */
  restore(table: WitnessTable, partition: number, first: RowKey, last: RowKey): void
  /** For a batch that was written. */
  add(batch: Pick<PackedBatch, 'runs' | 'decisions' | 'dead' | 'windows'>): void
  /** Those of a table; at least one, which may be of no row. */
  of(table: WitnessTable): readonly RowKey[]
  /** How many rows they are. */
  count(table: WitnessTable): number
}

/** What names a row in its table, beside the shard and the generation: see the key of each table. */
export type RowKey = readonly [number, number, number, number]

export const voteKeyOf = (row: LogRow): RowKey =>
  row.kind === 'vote' ? [row.vote.event, row.vote.voter, row.sequence, row.position] : NO_ROW

export const WITNESS_TABLES = ['votes_log', 'decisions_log', 'dead_entries', 'window_tallies'] as const
export type WitnessTable = (typeof WITNESS_TABLES)[number]

/** The columns of a RowKey. */
export const WITNESS_KEYS: Record<WitnessTable, string> = {
  votes_log: '(event, voter, sequence, position)',
  decisions_log: '(event, voter, sequence, position)',
  dead_entries: '(event, 0, sequence, position)',
  window_tallies: '(event, contestant, toUnixTimestamp(minute), 0)',
}

/** What a shard's rows are partitioned by. */
export const WITNESS_PARTITIONS: Record<WitnessTable, string> = {
  votes_log: 'toYYYYMM(acked_at)',
  decisions_log: 'shard',
  dead_entries: 'shard',
  window_tallies: 'shard',
}

/** Sequences begin at 1, and so do the minutes of a vote. */
const NO_ROW: RowKey = [0, 0, 0, 0]

export const createWitnesses = (): Witnesses => {
  const firsts = new Map<string, { table: WitnessTable; row: RowKey }>()
  const lasts = new Map<WitnessTable, RowKey>()

  const note = (table: WitnessTable, partition: number, first: RowKey, last: RowKey): void => {
    const name = `${table} ${partition}`
    if (!firsts.has(name)) firsts.set(name, { table, row: first })
    lasts.set(table, last)
  }
  const rowsOf = (table: WitnessTable): RowKey[] => {
    const rows = [...firsts.values()].filter((first) => first.table === table).map(({ row }) => row)
    const last = lasts.get(table)
    if (last && !rows.some((row) => row.join() === last.join())) rows.push(last)
    return rows
  }

  return {
    restore: note,
    add({ runs, decisions, dead, windows }) {
      for (const { month, votes } of runs) if (votes) note('votes_log', month, votes.first, votes.last)
      for (const { sequence, position, decision } of decisions) {
        const key: RowKey = [decision.event, decision.voter, sequence, position]
        note('decisions_log', 0, key, key)
      }
      for (const { sequence, position, dead: entry } of dead) {
        const key: RowKey = [entry.event, 0, sequence, position]
        note('dead_entries', 0, key, key)
      }
      for (const { event, contestant, minuteMs } of windows) {
        const key: RowKey = [event, contestant, minuteMs / 1000, 0]
        note('window_tallies', 0, key, key)
      }
    },
    of(table) {
      const rows = rowsOf(table)
      return rows.length === 0 ? [NO_ROW] : rows
    },
    count: (table) => rowsOf(table).length,
  }
}
