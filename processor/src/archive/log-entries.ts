import type { LogEntry } from '@votestream/infra/log-reader'
import { readLogMessage } from '@votestream/schema/log-entries'
import type { Shard } from '@votestream/schema/numbers'
import { type ArchiveEntry, rowCount } from './archive-rows.js'

export type WeighedEntry = ArchiveEntry & { readonly rows: number }

interface ReadingOptions {
  readonly shard: Shard
  readonly shards: number
  /** Nothing behind it is read. */
  readonly untilSequence: number
}

/**
 * The messages of a log, read, with what is dead in them set aside.
 * @throws UnknownVersionError behind everything that stands before that message.
 */
export async function* readEntries(
  log: AsyncIterable<readonly LogEntry[]>,
  { shard, shards, untilSequence }: ReadingOptions,
): AsyncGenerator<WeighedEntry[], void> {
  for await (const entries of log) {
    const good: WeighedEntry[] = []
    for (const { sequence, data, storedAtMs } of entries) {
      if (sequence > untilSequence) break
      try {
        const message = readLogMessage(data, shard, shards)
        good.push({ sequence, message, data, storedAtMs, rows: rowCount(message) })
      } catch (error) {
        // What stands before it is archived first.
        yield good
        throw error
      }
    }
    yield good
    if ((entries.at(-1)?.sequence ?? 0) >= untilSequence) return
  }
}
