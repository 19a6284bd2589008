import { firstSequenceSince, type LogPosition, logPosition, readLogRange } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { checkpointKey, chunksKey, eventsKey, tallyKey, votedKey } from '@votestream/schema/redis-keys'
import { createVotedSet, type VotedSet } from '@votestream/schema/voted-set'
import { logMessage } from '@votestream/schema/votes'
import { ATTEMPTS_KEPT_MS, createAttempts } from './attempts.js'
import { type OwnerState, replayMessage } from './shard-owner.js'

interface TakeoverOptions {
  readonly nats: Nats
  readonly redis: Redis
  readonly shard: Shard
  readonly shards: number
  readonly logger: Logger
  readonly now: () => number
  readonly signal: AbortSignal
}

/** Broker and owner may disagree on the time by this much. */
const CLOCK_SKEW_MS = 5_000
/** Chunks asked of Redis at once: 512 bytes each. */
const CHUNKS_AT_ONCE = 512
const READ_BATCH_MAX = 256

/**
 * What a new owner must know before it answers anybody: who has voted, out of Redis as far as its checkpoint
 * goes and out of the log from there, and the attempts of the last half minute. Without Redis, all out of the
 * log. @throws when the log no longer reaches back to what Redis holds: better no answer than a wrong one.
 */
export const takeOver = async (
  options: TakeoverOptions,
): Promise<{ state: OwnerState; lastSequence: number }> => {
  const { nats, shard, shards, logger, now, signal } = options
  const beganMs = performance.now()
  const before = await logPosition(nats, shard)
  const kept = await readRedis(options, before).catch((error: unknown) => {
    logger.warn({ err: error, shard }, 'Redis cannot tell who has voted; reading the whole log')
    return undefined
  })
  // Asked after Redis, which is behind the log at every moment: one that is ahead is the view of another log.
  const position = await logPosition(nats, shard)
  if (kept && kept.sequence > position.lastSequence)
    throw new Error(`shard ${shard}: Redis is ahead of the log`)
  if (!kept && position.firstSequence > 1) {
    throw new Error(
      `shard ${shard}: the log begins at ${position.firstSequence} and Redis has nothing before`,
    )
  }

  const state: OwnerState = {
    voted: kept?.voted ?? createVotedSet(shards),
    closed: kept?.closed ?? new Set(),
    attempts: createAttempts(),
    lastAckedAtMs: 0,
  }
  const sinceMs = now() - ATTEMPTS_KEPT_MS - CLOCK_SKEW_MS
  const recent = await firstSequenceSince(nats, shard, position, sinceMs)
  // The last message is read in any case: it tells the last acked_at, below which no later vote may fall.
  const fromSequence = Math.max(1, Math.min((kept?.sequence ?? 0) + 1, recent, position.lastSequence))
  const { lastSequence: toSequence } = position
  for await (const entries of readLogRange({
    nats,
    shard,
    fromSequence,
    toSequence,
    batchMax: READ_BATCH_MAX,
    signal,
  })) {
    for (const { data } of entries) replayMessage(state, logMessage.decode(data))
  }
  signal.throwIfAborted()
  logger.info(
    { shard, fromRedis: kept?.sequence ?? 0, toSequence, tookMs: Math.round(performance.now() - beganMs) },
    'shard taken over',
  )
  return { state, lastSequence: toSequence }
}

interface Kept {
  readonly sequence: number
  readonly voted: VotedSet
  readonly closed: Set<EventNumber>
}

/** What Redis holds of a shard, whole as of its checkpoint; undefined when it holds nothing usable. */
const readRedis = async (options: TakeoverOptions, position: LogPosition): Promise<Kept | undefined> => {
  const { redis, shard, shards } = options
  const sequence = await usableCheckpoint(redis, shard, position)
  if (sequence === undefined) return undefined
  const voted = createVotedSet(shards)
  const closed = new Set<EventNumber>()
  // Redis moves on while it is read. That only adds voters who are in the log; but if it lost its data
  // meanwhile, what was read may have holes, so its checkpoint is looked at again after every slice.
  const still = async (): Promise<boolean> => {
    const at = await usableCheckpoint(redis, shard, position)
    return at !== undefined && at >= sequence
  }
  for (const member of await redis.smembers(eventsKey(shard))) {
    const event = Number(member) as EventNumber
    if ((await redis.hexists(tallyKey(shard, event), 'closed_at')) === 1) {
      closed.add(event)
      continue
    }
    for await (const slice of chunkSlices(redis, shard, event)) {
      const bits = await redis.mgetBuffer(slice.map((chunk) => votedKey(shard, event, chunk)))
      if (!(await still())) return undefined
      for (const [index, chunk] of slice.entries()) {
        const bytes = bits[index]
        if (bytes) voted.addChunk(event, chunk, bytes)
      }
    }
  }
  return (await still()) ? { sequence, voted, closed } : undefined
}

async function* chunkSlices(redis: Redis, shard: Shard, event: EventNumber): AsyncGenerator<number[]> {
  const bitmap = (await redis.getBuffer(chunksKey(shard, event))) ?? Buffer.alloc(0)
  let slice: number[] = []
  for (let chunk = 0; chunk < bitmap.length * 8; chunk += 1) {
    if (((bitmap[chunk >> 3] ?? 0) & (128 >> (chunk & 7))) === 0) continue
    slice.push(chunk)
    if (slice.length === CHUNKS_AT_ONCE) {
      yield slice
      slice = []
    }
  }
  if (slice.length > 0) yield slice
}

/** The sequence up to which Redis is whole, when it speaks of this log and the log reaches back to it. */
const usableCheckpoint = async (
  redis: Redis,
  shard: Shard,
  { generation, firstSequence }: LogPosition,
): Promise<number | undefined> => {
  const [storedGeneration, stored, wholeAt] = await redis.hmget(
    checkpointKey(shard),
    'generation',
    'sequence',
    'whole_at',
  )
  if (storedGeneration !== generation) return undefined
  const sequence = Number(stored)
  const whole = sequence >= Number(wholeAt ?? 0)
  return whole && sequence + 1 >= firstSequence ? sequence : undefined
}
