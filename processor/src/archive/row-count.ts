/** How many rows `votes_log` and `decisions_log` have of a shard's log up to the archive's checkpoint. */
export interface RowCount {
  /** As many as there were when that checkpoint was written; 0 when nobody counted. */
  readonly said: number
  readonly found: number
  /** Of ClickHouse. */
  readonly uptimeSeconds: number
}

/** One row, a RowCount, for the parameters shard, generation and checkpoint. A row that was written twice counts once. */
export const rowCountQuery = (place: (table: string) => string = (table) => table): string => `
SELECT
  (SELECT max(archived_rows) FROM ${place('window_tallies')} FINAL
    WHERE event = 0 AND ${OF_LOG} AND sequence = {checkpoint:UInt64}) AS said,
  (SELECT count() FROM ${place('votes_log')} FINAL WHERE ${ARCHIVED})
    + (SELECT count() FROM ${place('decisions_log')} FINAL WHERE ${ARCHIVED}) AS found,
  uptime() AS uptimeSeconds
SETTINGS do_not_merge_across_partitions_select_final = 1`

const OF_LOG = 'shard = {shard:UInt8} AND generation = {generation:String}'
const ARCHIVED = `${OF_LOG} AND sequence <= {checkpoint:UInt64}`
