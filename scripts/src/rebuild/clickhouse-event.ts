import { withSeizedLease } from '@votestream/infra/lease-seizure'
import { logPosition, readLogRange } from '@votestream/infra/log-reader'
import {
  type ArchiveEntry,
  deadRowsOf,
  decisionRowsOf,
  partitionRuns,
  rowsOf,
} from '@votestream/processor/archive-rows'
import { type ArchiveTables, openArchiveTables } from '@votestream/processor/archive-tables'
import { NO_EVENT, readLogMessage } from '@votestream/schema/log-entries'
import { allShards, type EventNumber, type Shard } from '@votestream/schema/numbers'
import { mendRows, mendWindows } from './clickhouse-mending.js'
import { type ClickhouseShadow, createClickhouseShadow } from './clickhouse-shadow.js'
import type { RebuildContext } from './context.js'

/** Messages of one insert: it has their rows of one event, and is one block. */
const MESSAGES_MAX = 500
const SAY_EVERY_MS = 2_000

/**
 * Makes one event's rows anew beside the live ones and mends the live ones where they differ; rows of other events are
 * not touched. Dying anywhere: what was mended is right, and the command begun again mends the rest.
 */
export const rebuildClickhouseEvent = async (
  context: RebuildContext,
  event: EventNumber,
  shards: readonly Shard[] = allShards(context.shards),
): Promise<void> => {
  const { bucket, instance } = context
  const shadow = createClickhouseShadow(context.clickhouse, `votestream_rebuild_${event}`)
  // What a rebuild that died left under way looks at its database until it is done.
  await shadow.settled(context.say, new AbortController().signal)
  await shadow.drop()
  await shadow.make()
  for (const shard of shards) {
    const { generation, firstSequence } = await logPosition(context.nats, shard)
    const first = Math.max(1, firstSequence)
    const one: Part = { shard, event, generation, signal: new AbortController().signal }
    // 1. What is archived so far, while the archive goes on.
    const before = await tablesOf(context, one).checkpoint()
    await writeRows(context, shadow, one, { from: first, to: before })
    await withSeizedLease({ bucket, role: 'archive', shard, instance }, async ({ signal, alone }) => {
      // 2. The rest. What an insert under way may still write is written by then, and what is deleted is gone.
      await alone
      await shadow.settled(context.say, signal)
      const upTo = await tablesOf(context, one).checkpoint()
      await writeRows(context, shadow, { ...one, signal }, { from: Math.max(first, before + 1), to: upTo })
      signal.throwIfAborted()
      // 3. While nobody else writes. Whoever archives next loads what it has to know anew.
      const log = { shard, event, generation, first, upTo }
      const { missing, spurious } = await mendRows(shadow, log, (rows) =>
        countOff(tablesOf(context, one), upTo, rows),
      )
      // What names no event has no minutes: the rows of 0 there are the archive's checkpoint.
      const windows = event === NO_EVENT ? 0 : await mendWindows(shadow, log)
      context.say(
        `shard ${shard}: ${missing + spurious} rows and ${windows} minutes of event ${event} were wrong`,
      )
    })
  }
  await shadow.drop()
}

/**
 * Rows that are taken away for good are not missing. Dying behind it: the archive asks for fewer rows than there are,
 * and counts them anew. Were it done after the deletion, an archive whose log was purged could stand still for ever.
 */
const countOff = async (tables: ArchiveTables, sequence: number, rows: number): Promise<void> => {
  const { said } = await tables.countRows(sequence)
  await tables.insertWindows([], { sequence, rows: Math.max(0, said - rows) })
}

interface Part {
  readonly shard: Shard
  readonly event: EventNumber
  readonly generation: string
  readonly signal: AbortSignal
}

const tablesOf = (
  { clickhouse, shards }: RebuildContext,
  { shard, generation, signal }: Part,
  database?: string,
): ArchiveTables =>
  openArchiveTables({
    ...{ clickhouse, shards, shard, generation, signal },
    ...(database === undefined ? {} : { database }),
  })

/** Writes the event's rows of a range of the log beside the live ones. */
const writeRows = async (
  context: RebuildContext,
  { database }: ClickhouseShadow,
  part: Part,
  { from, to }: { from: number; to: number },
): Promise<void> => {
  const { nats, shards, say } = context
  const { shard, event, signal } = part
  const tables = tablesOf(context, part, database)
  let saidAtMs = performance.now()
  let waiting: ArchiveEntry[] = []
  const write = async (): Promise<void> => {
    await insertOf(tables, waiting, event)
    waiting = []
  }
  const range = { fromSequence: from, toSequence: to, batchMax: MESSAGES_MAX, signal }
  for await (const entries of readLogRange({ nats, shard, ...range })) {
    for (const { sequence, data, storedAtMs } of entries) {
      waiting.push({ sequence, data, storedAtMs, message: readLogMessage(data, shard, shards) })
    }
    if (waiting.length >= MESSAGES_MAX) await write()
    if (performance.now() - saidAtMs < SAY_EVERY_MS) continue
    saidAtMs = performance.now()
    say(`shard ${shard}: message ${entries.at(-1)?.sequence ?? from} of ${to}`)
  }
  await write()
}

const insertOf = async (
  tables: ArchiveTables,
  entries: readonly ArchiveEntry[],
  event: EventNumber,
): Promise<void> => {
  const rows = entries.flatMap(rowsOf).filter((row) => {
    if (row.kind === 'takeover') return event === NO_EVENT
    return (row.kind === 'vote' ? row.vote : row.closing).event === event
  })
  for (const run of partitionRuns(rows)) await tables.insertRows(run)
  const decisions = entries.flatMap(decisionRowsOf).filter(({ decision }) => decision.event === event)
  if (decisions.length > 0) await tables.insertDecisions(decisions)
  const dead = entries.flatMap(deadRowsOf).filter((row) => row.dead.event === event)
  if (dead.length > 0) await tables.insertDead(dead)
}
