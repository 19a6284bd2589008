import { setTimeout as pause } from 'node:timers/promises'
import type { Shard } from '@votestream/schema/numbers'
import type { Takeover } from './takeover.js'

/** Keeps what was learned of shards that are about to come here. */
export interface ReadAhead {
  /** @throws when it cannot be learned now. */
  prepare(shard: Shard): Promise<void>
  /**
   * What was learned of the shard, once, while it is fresh. What is still being learned is waited for: it is
   * further than whoever begins now.
   */
  take(shard: Shard): Promise<Takeover | undefined>
}

/** The lease comes within a second or two, or to somebody else. What was learned is then let go. */
const FRESH_MS = 5_000

export const createReadAhead = (
  read: (shard: Shard) => Promise<Takeover>,
  freshMs: number = FRESH_MS,
): ReadAhead => {
  interface Entry {
    readonly takeover: Promise<Takeover | undefined>
    /** Resolves when it is let go. */
    readonly old: Promise<undefined>
  }
  const entries = new Map<Shard, Entry>()
  return {
    async prepare(shard) {
      const reading = read(shard)
      const entry: Entry = {
        takeover: reading.catch(() => undefined),
        old: pause(freshMs, undefined, { ref: false }),
      }
      entries.set(shard, entry)
      void entry.old.then(() => {
        if (entries.get(shard) === entry) entries.delete(shard)
      })
      await reading
    },
    async take(shard) {
      const entry = entries.get(shard)
      // Given away: whoever has it goes on to change it.
      entries.delete(shard)
      return entry && Promise.race([entry.takeover, entry.old])
    },
  }
}
