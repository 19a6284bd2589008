import { firstSequenceSince, type LogPosition, logPosition, readLogRange } from '@votestream/infra/log-reader'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import { type ReadMessage, readLogMessage } from '@votestream/schema/log-entries'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import { checkpointKey, chunksKey, eventsKey, tallyKey, votedKey } from '@votestream/schema/redis-keys'
import { voteStream } from '@votestream/schema/subjects'
import { createVotedSet, type VotedSet } from '@votestream/schema/voted-set'
import type { ChainableCommander } from 'ioredis'
import { ATTEMPTS_KEPT_MS, createAttempts } from './attempts.js'
import { type OwnerState, replayAttempts, replayMessage } from './shard-owner.js'
import { decideReading, usableCheckpoint } from './takeover-decision.js'

export interface TakeoverOptions {
  readonly nats: Nats
  readonly redis: Redis
  readonly shard: Shard
  readonly shards: number
  readonly logger: Logger
  readonly signal: AbortSignal
  /** What was learned a moment ago, while the shard still had its owner before. It is gone on with. */
  readonly ahead?: Takeover | undefined
}

/** The clocks of the nodes of one broker may disagree by this much. */
const CLOCK_SKEW_MS = 5_000
/** Chunks asked of Redis at once: 512 bytes each. */
const CHUNKS_AT_ONCE = 512
const READ_BATCH_MAX = 256

export interface Takeover {
  /** Of the log that this was learned from. */
  readonly generation: string
  /** What was learned from Redis ends here. */
  readonly keptSequence: number
  readonly state: OwnerState
  readonly lastSequence: number
  /**
   * Learns the attempts that stand in the log before what had to be read of it, once the takeover records stand
   * there. They tell only what somebody who has voted is answered, so nobody else need wait for them.
   */
  learnAttempts(): Promise<void>
}

/**
 * What a new owner must know before it accepts a vote: who has voted, out of Redis as far as its checkpoint goes
 * and out of the log from there. Without Redis, all out of the log.
 *
 * What is damaged in the log is nobody's vote and keeps nobody out.
 * @throws UnknownVersionError for a message of a newer writer, when the log no longer reaches back to what Redis
 * holds, …: better no answer than a wrong one.
 */
export const takeOver = async (options: TakeoverOptions): Promise<Takeover> => {
  const { nats, shard, shards, logger, ahead, signal } = options
  const beganMs = performance.now()
  const before = await logPosition(nats, shard)
  const { state, keptSequence, fromSequence, position } =
    ahead && goesOn(ahead, before)
      ? { ...ahead, fromSequence: ahead.lastSequence + 1, position: before }
      : await begin(options, before)
  const read = async (fromSequence: number, toSequence: number, learn: Learn) => {
    // How old something is is told by the broker's clock alone, whose times the log has: what it wrote last is
    // about as old as nothing. This machine's clock may be wrong by hours.
    const lastStoredAtMs = await storedLastAtMs(nats, shard)
    for await (const entries of readLogRange({
      nats,
      shard,
      fromSequence,
      toSequence,
      batchMax: READ_BATCH_MAX,
      signal,
    })) {
      for (const { data, storedAtMs } of entries) {
        learn(readLogMessage(data, shard, shards), lastStoredAtMs - storedAtMs)
      }
    }
    signal.throwIfAborted()
  }
  const { lastSequence } = position
  await read(fromSequence, lastSequence, (message, agoMs) => replayMessage(state, message, agoMs))
  logger.info(
    {
      shard,
      fromRedis: keptSequence,
      toSequence: lastSequence,
      tookMs: Math.round(performance.now() - beganMs),
    },
    'shard learned',
  )
  return {
    generation: position.generation,
    keptSequence,
    state,
    lastSequence,
    async learnAttempts() {
      if (state.attemptsKnown) return
      // The takeover records that were just appended are the last: what they say is what time it is.
      const sinceMs = (await storedLastAtMs(nats, shard)) - ATTEMPTS_KEPT_MS - CLOCK_SKEW_MS
      const fromSequence = await firstSequenceSince(nats, shard, position, sinceMs)
      await read(fromSequence, keptSequence, (message, agoMs) => replayAttempts(state, message, agoMs))
    },
  }
}

type Learn = (message: ReadMessage, agoMs: number) => void

/** When the broker stored the last message of the log, milliseconds since 1970. */
const storedLastAtMs = async (nats: Nats, shard: Shard): Promise<number> =>
  Date.parse((await nats.jsm.streams.info(voteStream(shard))).state.last_ts)

/** Whether the log goes on where this ends. */
const goesOn = (ahead: Takeover, { generation, firstSequence, lastSequence }: LogPosition): boolean =>
  ahead.generation === generation &&
  ahead.lastSequence + 1 >= firstSequence &&
  ahead.lastSequence <= lastSequence

/** What Redis tells, and where the log goes on from there. */
const begin = async (options: TakeoverOptions, before: LogPosition) => {
  const { nats, shard, shards, logger } = options
  const kept = await readRedis(options, before).catch((error: unknown) => {
    logger.warn({ err: error, shard }, 'Redis cannot tell who has voted; reading the whole log')
    return undefined
  })
  // Asked after Redis, which is behind the log at every moment: one that is ahead is the view of another log.
  const position = await logPosition(nats, shard)
  const decision = decideReading(kept?.sequence, position)
  if (decision.do === 'refuse') throw new Error(`shard ${shard}: ${decision.why}`)
  const { keptSequence, fromSequence, attemptsKnown } = decision
  const state: OwnerState = {
    voted: kept?.voted ?? createVotedSet(shards),
    closed: kept?.closed ?? new Set(),
    attempts: createAttempts(),
    attemptsKnown,
    lastAckedAtMs: kept?.lastAckedAtMs ?? 0,
  }
  return { state, keptSequence, fromSequence, position }
}

interface Kept {
  readonly sequence: number
  readonly voted: VotedSet
  readonly closed: Set<EventNumber>
  readonly lastAckedAtMs: number
}

/** Requests under way at once: Redis looks the next ones up while what it answered is taken in. */
const READS_AT_ONCE = 8

/** Redis lost what it held while it was read. */
class ViewLostError extends Error {
  override readonly name = 'ViewLostError'
}

/** What Redis holds of a shard, whole as of its checkpoint; undefined when it holds nothing usable. */
const readRedis = async (options: TakeoverOptions, position: LogPosition): Promise<Kept | undefined> => {
  const { redis, shard, shards } = options
  const sequence = usableCheckpoint(await redis.hmget(checkpointKey(shard), ...CHECKPOINT_FIELDS), position)
  if (sequence === undefined) return undefined
  /**
   * One command's reply together with the checkpoint of the same moment. Redis moves on while it is read, which
   * only adds voters who are in the log; but it may also lose its data and be made anew, and what was read
   * meanwhile would have holes. So every single reply must be out of a view that is whole up to the sequence.
   */
  const asOf: Read = async (command) => {
    const reading = redis.multi().hmget(checkpointKey(shard), ...CHECKPOINT_FIELDS)
    command(reading)
    const replies = (await reading.exec()) ?? []
    for (const [error] of replies) if (error) throw error
    const [checkpoint, reply] = replies.map(([, value]) => value)
    const at = usableCheckpoint(checkpoint as (string | null)[], position)
    if (at === undefined || at < sequence) throw new ViewLostError('Redis lost its data while it was read')
    return reply
  }
  const voted = createVotedSet(shards)
  const closed = new Set<EventNumber>()
  let lastAckedAtMs = 0
  for (const member of (await asOf((multi) => multi.smembers(eventsKey(shard)))) as string[]) {
    const event = Number(member) as EventNumber
    const fields = await asOf((multi) => multi.hmget(tallyKey(shard, event), 'closed_at', 'acked_at'))
    const [closedAt, ackedAt] = fields as (string | null)[]
    lastAckedAtMs = Math.max(lastAckedAtMs, Number(ackedAt ?? 0))
    if (closedAt != null) {
      closed.add(event)
      continue
    }
    const readSlice = async (slice: readonly number[]): Promise<void> => {
      const chunkKeys = slice.map((chunk) => votedKey(shard, event, chunk))
      const bits = (await asOf((multi) => multi.mgetBuffer(chunkKeys))) as (Buffer | null)[]
      for (const [index, chunk] of slice.entries()) {
        const bytes = bits[index]
        if (bytes) voted.addChunk(event, chunk, bytes)
      }
    }
    const slices = chunkSlices(
      (await asOf((multi) => multi.getBuffer(chunksKey(shard, event)))) as Buffer | null,
    )
    const readers = Array.from({ length: READS_AT_ONCE }, async () => {
      for (const slice of slices) await readSlice(slice)
    })
    await Promise.all(readers)
  }
  return { sequence, voted, closed, lastAckedAtMs }
}

type Read = (command: (multi: ChainableCommander) => unknown) => Promise<unknown>

/** The numbers of the chunks that a bitmap names, so many at once as are asked for in one request. */
function* chunkSlices(bitmap: Buffer | null): Generator<number[]> {
  let slice: number[] = []
  for (let chunk = 0; chunk < (bitmap?.length ?? 0) * 8; chunk += 1) {
    if (((bitmap?.[chunk >> 3] ?? 0) & (128 >> (chunk & 7))) === 0) continue
    slice.push(chunk)
    if (slice.length === CHUNKS_AT_ONCE) {
      yield slice
      slice = []
    }
  }
  if (slice.length > 0) yield slice
}

const CHECKPOINT_FIELDS = ['generation', 'sequence', 'whole_at'] as const
