import type { Redis } from '@votestream/infra/redis'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { chunksKey, tallyKey, windowKey } from '@votestream/schema/redis-keys'
import { type EventPlan, expectedWindows, plannedWindows, setBits, windowStarts } from './redis-plan.js'
import { timeMs } from './redis-replies.js'

const KEYS_AT_ONCE = 1_000

/** Which windows there are, more or less: a hint of what is worth reading. */
export const seenWindows = async (
  redis: Redis,
  shard: Shard,
): Promise<ReadonlyMap<number, ReadonlySet<number>>> => {
  const seen = new Map<number, Set<number>>()
  for await (const keys of redis.scanStream({ match: windowPattern(shard), count: KEYS_AT_ONCE })) {
    for (const key of keys as string[]) {
      const [event, startMs] = (key.match(/\d+/g) ?? []).slice(-2).map(Number)
      if (event === undefined || startMs === undefined) continue
      const starts = seen.get(event) ?? new Set<number>()
      seen.set(event, starts.add(startMs))
    }
  }
  return seen
}

/** The keys of windows, with any event and any start in the place of a number. */
const windowPattern = (shard: Shard): string =>
  windowKey(shard, 0 as EventNumber, 0)
    .replace(/:0:/, ':*:')
    .replace(/:0$/, ':*')

/** @param seen the windows to expect; without it, all that there may be. */
export const planOf = async (
  redis: Redis,
  shard: Shard,
  events: readonly EventNumber[],
  seen?: ReadonlyMap<number, ReadonlySet<number>>,
): Promise<EventPlan[]> => {
  const pipeline = redis.pipeline().time()
  for (const event of events)
    pipeline.hget(tallyKey(shard, event), 'acked_at').getBuffer(chunksKey(shard, event))
  const [time, ...values] = ((await pipeline.exec()) ?? []).map(([error, value]) => {
    if (error) throw error
    return value
  })
  const nowMs = timeMs(time)
  return events.map((event, index) => {
    const windows = plannedWindows(Number(values[2 * index] ?? 0), nowMs)
    const expected = seen
      ? expectedWindows(windows, seen.get(event) ?? new Set(), nowMs)
      : windowStarts(windows)
    return {
      event,
      chunks: setBits((values[2 * index + 1] as Buffer | null) ?? Buffer.alloc(0)),
      windows,
      expected,
    }
  })
}
