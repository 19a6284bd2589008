import { defineScript, type Redis } from '@votestream/infra/redis'
import type { Shard } from '@votestream/schema/numbers'
import {
  checkpointKey,
  chunksKey,
  eventsKey,
  rejectedKey,
  tallyKey,
  votedKey,
  WINDOW_KEPT_MS,
  WINDOW_MS,
  windowKey,
} from '@votestream/schema/redis-keys'
import { seedViewScript } from '@votestream/schema/redis-scripts'
import type { EventSeed } from './seed-event.js'

/** Fills an emptied view, under the token with which it was emptied. */
export interface ViewFiller {
  /** Resolves to false when Redis is not as the last step left it: everything has to be begun again. */
  fill(seed: EventSeed): Promise<boolean>
  /** Steps that were done. */
  readonly steps: number
}

interface ViewFillerOptions {
  readonly redis: Redis
  readonly shard: Shard
  readonly token: string
  /** Where a key stands that is filled for another place than the live view. */
  readonly place?: (key: string) => string
}

interface Content {
  readonly key: string
  readonly value: Buffer
}

/** Keys of one step: 512 bytes each at most, but for the first ones, so that a step holds Redis for a moment only. */
const KEYS_AT_ONCE = 256

export const createViewFiller = ({
  redis,
  shard,
  token,
  place = (key) => key,
}: ViewFillerOptions): ViewFiller => {
  const seedView = defineScript(redis, seedViewScript)
  const common = [checkpointKey(shard), eventsKey(shard)].map(place)
  let steps = 0
  return {
    async fill(seed) {
      const contents = [...contentsOf(shard, seed)]
      for (let at = 0; at < contents.length; at += KEYS_AT_ONCE) {
        const some = contents.slice(at, at + KEYS_AT_ONCE)
        const keys = [...common, ...some.map(({ key }) => place(key))]
        const args = [token, steps + 1, seed.event, ...some.map(({ value }) => value)]
        if ((await seedView(keys, args)) !== 1) return false
        steps += 1
      }
      return true
    },
    get steps() {
      return steps
    },
  }
}

/** In the shape that seed-view.lua takes. */
function* contentsOf(shard: Shard, seed: EventSeed): Generator<Content> {
  const { event, tally, chunks, voted, rejected, windows } = seed
  const hash = (kind: 'h' | 'w', fields: readonly (string | number)[]): Buffer =>
    Buffer.from(kind + JSON.stringify(fields.map(String)))
  const bits = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from('s'), bytes])
  yield { key: tallyKey(shard, event), value: hash('h', tally) }
  if (chunks.length > 0) yield { key: chunksKey(shard, event), value: bits(chunks) }
  for (const [chunk, bytes] of voted) yield { key: votedKey(shard, event, chunk), value: bits(bytes) }
  for (const [chunk, bytes] of rejected) yield { key: rejectedKey(shard, event, chunk), value: bits(bytes) }
  for (const { startMs, fields } of windows) {
    const expiresAt = Math.ceil((startMs + WINDOW_MS + WINDOW_KEPT_MS) / 1000)
    yield { key: windowKey(shard, event, startMs), value: hash('w', [expiresAt, ...fields]) }
  }
}
