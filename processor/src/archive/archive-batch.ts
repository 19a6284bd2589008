import type { DeadLetter, DeadLetters } from '@votestream/infra/dead-letters'
import type { Shard } from '@votestream/schema/numbers'
import type { ArchiveEntry } from './archive-rows.js'
import type { ArchiveTables } from './archive-tables.js'
import type { PackedBatch } from './packed-batch.js'

/** Writes batches of one shard's log. */
export interface BatchTarget {
  readonly shard: Shard
  readonly generation: string
  readonly tables: Pick<ArchiveTables, 'insertPacked' | 'insertDecisions' | 'insertDead' | 'insertWindows'>
  readonly deadLetters: Pick<DeadLetters, 'put'>
}

/**
 * Writes a batch; may be repeated, from any point, with the same result.
 */
export const archiveBatch = async (
  { shard, generation, tables, deadLetters }: BatchTarget,
  batch: PackedBatch,
): Promise<void> => {
  // 1. The rows, each run whole or not at all. If the process dies here, some or all of the rows are there and
  // the checkpoint is not: the next owner reads the same messages again and inserts the same rows, which
  // replace these, and the views take each once meanwhile. The windows do not know of them yet.
  for (const { bytes } of batch.runs) await tables.insertPacked(bytes)
  // 2. The decisions, in one block. Dying here: as in 1. The views look at a decision only when the checkpoint is
  // past it, so that they and the windows tell of one moment.
  if (batch.decisions.length > 0) await tables.insertDecisions(batch.decisions)
  // 3. What is dead, in one block, and then its messages on the broker's disk. Dying here: as in 1; a message that
  // was put aside already is put aside once.
  if (batch.dead.length > 0) await tables.insertDead(batch.dead)
  for (const message of batch.deadMessages) {
    await deadLetters.put(deadLetterOf(shard, generation, message))
  }
  // 4. The touched windows as absolute totals, and the checkpoint, in one block. If the process dies before
  // it, see 1; if it dies after it, or its answer is lost, the batch is done: the next owner reads the
  // checkpoint and goes on behind it. A late repetition has a lower sequence than what was written since,
  // and does not stand.
  await tables.insertWindows(batch.windows, batch.position)
}

const deadLetterOf = (
  shard: Shard,
  generation: string,
  { sequence, storedAtMs, message, data }: ArchiveEntry,
): DeadLetter => {
  const reasons = message.dead.map(({ reason }) => reason)
  return { shard, generation, sequence, storedAtMs, reasons, data }
}
