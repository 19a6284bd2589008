import { withSeizedLease } from '@votestream/infra/lease-seizure'
import { logPosition } from '@votestream/infra/log-reader'
import { createArchive } from '@votestream/processor/archive'
import { openArchiveTables } from '@votestream/processor/archive-tables'
import { allShards, type Shard } from '@votestream/schema/numbers'
import {
  type ClickhouseShadow,
  createClickhouseShadow,
  FROM_LOG,
  LOG_TABLES,
  replacePartitions,
  windowsOf,
} from './clickhouse-shadow.js'
import type { RebuildContext } from './context.js'

const DATABASE = 'votestream_rebuild'
const SAY_EVERY_MS = 2_000

/**
 * Makes the tables of the log anew in a database beside the live one, and puts its partitions in place of the live
 * ones, shard by shard. Analysts see the old rows or the new ones. Dying anywhere: what was made stays, and the
 * command begun again goes on from its checkpoints.
 */
export const rebuildClickhouse = async (context: RebuildContext): Promise<void> => {
  const { clickhouse, bucket, instance, shards, say } = context
  const shadow = createClickhouseShadow(clickhouse, DATABASE)
  for (const shard of allShards(shards)) {
    // 1. Beside the live tables, which go on.
    await shadow.make()
    await seedShard(context, shadow, shard)
    await archiveToEnd(context, shard, new AbortController().signal)
    await withSeizedLease({ bucket, role: 'archive', shard, instance }, async ({ signal, alone }) => {
      // 2. What an insert under way may still write is written, and read here too.
      await alone
      await archiveToEnd(context, shard, signal)
      signal.throwIfAborted()
      // 3. The partitions, the checkpoint last. Dying before that: the archive goes on from its old checkpoint and
      //    writes the rows behind it again, which are the same.
      await replacePartitions(shadow, shard)
    })
    say(`shard ${shard}: made anew`)
  }
  await shadow.drop()
}

/**
 * What only ClickHouse holds: other streams of this shard, and what was purged from the log, with its minutes. Done
 * twice, it is the same; the checkpoint is its last row.
 */
const seedShard = async (context: RebuildContext, shadow: ClickhouseShadow, shard: Shard): Promise<void> => {
  const { nats, say } = context
  const { generation, firstSequence } = await logPosition(nats, shard)
  const first = Math.max(1, firstSequence)
  const archived = await checkpointOf(context, shard, generation, DATABASE)
  if (archived > 0 && archived + 1 >= first) {
    say(`shard ${shard}: going on at message ${archived}`)
    return
  }
  const live = await checkpointOf(context, shard, generation)
  if (live + 1 < first)
    throw new Error(`shard ${shard}: ClickHouse ends at ${live}, the log begins at ${first}`)
  const values = { shard, generation, first }
  for (const table of LOG_TABLES) {
    const rows = table === 'window_tallies' ? OTHER_LOGS : `shard = {shard:UInt8} AND NOT (${FROM_LOG})`
    await shadow.command(`ALTER TABLE ${DATABASE}.${table} DELETE WHERE shard = {shard:UInt8}`, values)
    await shadow.command(
      `INSERT INTO ${DATABASE}.${table} SELECT * FROM ${table} FINAL WHERE ${rows}`,
      values,
    )
  }
  if (first === 1) return
  say(`shard ${shard}: the log begins at message ${first}; what is before it stays as it is`)
  const columns = 'event, minute, contestant, shard, generation, votes, sequence'
  await shadow.command(
    `INSERT INTO ${DATABASE}.window_tallies (${columns})
     SELECT *, {first:UInt64} - 1 FROM (${windowsOf('sequence < {first:UInt64}')})`,
    values,
  )
  await shadow.command(
    `INSERT INTO ${DATABASE}.window_tallies (${columns})
     SELECT 0, toDateTime(0, 'UTC'), 0, {shard:UInt8}, {generation:String}, 0, {first:UInt64} - 1`,
    values,
  )
}

const OTHER_LOGS = 'shard = {shard:UInt8} AND generation != {generation:String}'

/** Runs the archive beside the live one until it holds what the log holds, and what the live one does. */
const archiveToEnd = async (context: RebuildContext, shard: Shard, signal: AbortSignal): Promise<void> => {
  const { nats, say } = context
  const { generation, lastSequence } = await logPosition(nats, shard)
  const live = await checkpointOf(context, shard, generation)
  const untilSequence = Math.max(live, lastSequence)
  let saidAtMs = performance.now()
  const archive = createArchive({
    ...context,
    database: DATABASE,
    pauseMs: 0,
    onProgress({ sequence }) {
      if (performance.now() - saidAtMs < SAY_EVERY_MS) return
      saidAtMs = performance.now()
      say(`shard ${shard}: message ${sequence} of ${untilSequence}`)
    },
  })
  if (untilSequence > 0) await archive.runLane({ shard, signal, untilSequence })
}

const checkpointOf = (
  { clickhouse, shards }: RebuildContext,
  shard: Shard,
  generation: string,
  database?: string,
): Promise<number> => {
  const { signal } = new AbortController()
  const options = { clickhouse, shards, shard, generation, signal }
  return openArchiveTables(database === undefined ? options : { ...options, database }).checkpoint()
}
