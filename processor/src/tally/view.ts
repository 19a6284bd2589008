import { randomUUID } from 'node:crypto'
import type { LogPosition } from '@votestream/infra/log-reader'
import { defineScript, type Redis } from '@votestream/infra/redis'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { checkpointKey, eventsKey, shardPattern } from '@votestream/schema/redis-keys'
import { applyVotesScript, beginViewScript, clearKeysScript } from '@votestream/schema/redis-scripts'
import { parseTally, type Tally } from '@votestream/schema/tally'
import type { StretchCall } from './stretch.js'
import type { Checkpoint } from './view-decision.js'

export type Applied =
  | { readonly applied: true; readonly tallies: ReadonlyMap<EventNumber, Tally> }
  /** The view ends elsewhere: nothing was written. */
  | { readonly applied: false }

/** One shard's view in Redis. */
export interface View {
  /** Undefined: there is none, or one is being cleared. */
  checkpoint(): Promise<Checkpoint | undefined>
  apply(call: StretchCall): Promise<Applied>
  /**
   * Empties the view, so that the log can be applied from its beginning, or from where it is filled to.
   * @param position asked once nobody can show the old view any more: what was ever shown is before it.
   */
  clear(position: () => Promise<LogPosition>, fill?: Fill): Promise<Checkpoint>
}

/** Fills an emptied view under the token of its clearing (see seed-view.lua). */
export type Fill = (token: string) => Promise<Filled>

export interface Filled {
  readonly generation: string
  /** The log up to here is in the view. */
  readonly sequence: number
  readonly steps: number
}

const KEYS_AT_ONCE = 1_000

/** @param place where a key stands: for a view beside the live one. */
export const createView = (redis: Redis, shard: Shard, place = (key: string): string => key): View => {
  const applyVotes = defineScript(redis, applyVotesScript)
  const clearKeys = defineScript(redis, clearKeysScript)
  const beginView = defineScript(redis, beginViewScript)
  const key = place(checkpointKey(shard))
  const events = place(eventsKey(shard))

  return {
    async checkpoint() {
      const [generation, sequence, wholeAt] = await redis.hmget(key, 'generation', 'sequence', 'whole_at')
      if (!generation || sequence == null) return undefined
      return { generation, sequence: Number(sequence), wholeAt: Number(wholeAt ?? 0) }
    },
    async apply({ keys, args, events: touched }) {
      // The shape that apply-votes.lua answers.
      const [applied, ...tallies] = (await applyVotes(keys.map(place), args)) as [number, ...string[][]]
      if (applied !== 1) return { applied: false }
      return {
        applied: true,
        tallies: new Map(touched.map((event, index) => [event, parseTally(tallies[index] ?? [])])),
      }
    },
    async clear(position, fill) {
      const token = randomUUID()
      // 1. Mark. From here on no stretch fits, whoever sends it. Dying here: the next one clears under its own
      //    token, and this one's deletions are refused from then on.
      await redis.multi().del(key).hset(key, 'clearing', token).exec()
      // 2. Delete everything else, and the set of events last: while it is gone, everything is, though Redis be
      //    restored to any moment since the mark. Dying here: as above.
      const deleteKeys = async (keys: readonly string[]): Promise<void> => {
        if ((await clearKeys([key, ...keys], [token])) !== 1) throw new ClearingError()
      }
      for await (const found of redis.scanStream({
        match: place(shardPattern(shard)),
        count: KEYS_AT_ONCE,
      })) {
        const others = (found as string[]).filter((name) => name !== key && name !== events)
        if (others.length > 0) await deleteKeys(others)
      }
      await deleteKeys([events])
      // 3. Fill it, where the log does not reach back to its beginning. Dying here: as above.
      const filled = await fill?.(token)
      const { generation, lastSequence } = await position()
      if (filled && filled.generation !== generation) throw new ClearingError()
      const { sequence, steps } = filled ?? { sequence: 0, steps: 0 }
      // 4. Begin. The view says what it holds, and that it is not whole before the log's present end.
      const begun = await beginView([key, events], [token, generation, lastSequence, sequence, steps])
      if (begun !== 1) throw new ClearingError()
      return { generation, sequence, wholeAt: lastSequence }
    },
  }
}

/** Somebody else has begun to make the view anew, or what was deleted for it is back. */
class ClearingError extends Error {
  override readonly name = 'ClearingError'
  constructor() {
    super('another instance is making the view anew, or Redis was restored meanwhile')
  }
}
