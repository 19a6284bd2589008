import type { Redis } from '@votestream/infra/redis'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import {
  checkpointKey,
  chunksKey,
  eventsKey,
  rejectedKey,
  tallyKey,
  votedKey,
  windowKey,
} from '@votestream/schema/redis-keys'
import type { Books } from '@votestream/schema/replay'
import type { ChainableCommander } from 'ioredis'
import {
  covers,
  type EventPlan,
  type GroupLimits,
  groupsOf,
  mustBeThere,
  setBits,
  unexpectedWindows,
} from './redis-plan.js'
import { planOf, seenWindows } from './redis-planning.js'
import { sumOfPairs, tallyBooks, timeMs, votesOf } from './redis-replies.js'

/** Bits in the chunks of an event, and between which messages of the log they were counted. */
export interface BitCounts {
  readonly voted: number
  readonly rejected: number
  readonly fromSequence: number
  readonly toSequence: number
}

export interface RedisEvent {
  /** With the windows that must be there. */
  readonly books: Books
  readonly mustHaveWindow: (startMs: number) => boolean
  readonly isClosed: boolean
  readonly bits: BitCounts
}

/** Events as they all were at one message of the log. */
export interface RedisGroup {
  readonly sequence: number
  readonly events: ReadonlyMap<EventNumber, RedisEvent>
}

export interface RedisBooks {
  /** Where the list of events is of: a later one is not in it. */
  readonly sequence: number
  readonly groups: readonly RedisGroup[]
}

export interface RedisPosition {
  /** Undefined: Redis holds nothing of this shard, or it is being cleared. */
  readonly generation: string | undefined
  readonly sequence: number
  /** Below it the view is being made anew. */
  readonly wholeAt: number
}

/** Redis lost what it held while it was read, or its view is being made anew. */
export class ViewLostError extends Error {
  override readonly name = 'ViewLostError'
}

const CHECKPOINT_FIELDS = ['generation', 'sequence', 'whole_at'] as const

export const readRedisPosition = async (redis: Redis, shard: Shard): Promise<RedisPosition> =>
  positionOf(await redis.hmget(checkpointKey(shard), ...CHECKPOINT_FIELDS))

const positionOf = (fields: unknown): RedisPosition => {
  // The shape of HMGET.
  const [generation, sequence, wholeAt] = fields as (string | null)[]
  return {
    generation: generation ?? undefined,
    sequence: Number(sequence ?? 0),
    wholeAt: Number(wholeAt ?? 0),
  }
}

interface RedisReading {
  readonly redis: Redis
  readonly shard: Shard
  readonly generation: string
  readonly wants: (event: EventNumber) => boolean
  readonly limits: GroupLimits
  readonly onProgress: (events: number, of: number) => void
}

const PLANNED_AT_ONCE = 256
const TRIES = 20

/**
 * A shard's tallies, windows and bits, in groups of events that are each of one moment, with the checkpoint of
 * that moment. It holds the tallies and the windows of every event.
 * @throws ViewLostError
 */
export const readRedisBooks = async (reading: RedisReading): Promise<RedisBooks> => {
  const { redis, shard, wants, limits, onProgress } = reading
  const [sequence, members] = await atOneMoment(reading, (multi) => multi.smembers(eventsKey(shard)))
  const events = (members as string[]).map((member) => Number(member) as EventNumber).filter(wants)
  events.sort((a, b) => a - b)
  const seen = await seenWindows(redis, shard)
  const groups: RedisGroup[] = []
  let read = 0
  for (let at = 0; at < events.length; at += PLANNED_AT_ONCE) {
    const plans = await planOf(redis, shard, events.slice(at, at + PLANNED_AT_ONCE), seen)
    for (const group of groupsOf(plans, limits)) {
      groups.push(await readGroup(reading, group, limits))
      read += group.length
      onProgress(read, events.length)
    }
  }
  return { sequence, groups }
}

/** Commands together with the checkpoint of the same moment. */
const atOneMoment = async (
  { redis, shard, generation }: RedisReading,
  add: (multi: ChainableCommander) => unknown,
): Promise<[sequence: number, ...replies: unknown[]]> => {
  const multi = redis.multi().hmget(checkpointKey(shard), ...CHECKPOINT_FIELDS)
  add(multi)
  const replies = (await multi.exec()) ?? []
  const [checkpoint, ...values] = replies.map(([error, value]) => {
    if (error) throw error
    return value
  })
  const position = positionOf(checkpoint)
  if (position.generation !== generation || position.sequence < position.wholeAt) {
    throw new ViewLostError(`shard ${shard}: the view in Redis is being made anew`)
  }
  return [position.sequence, ...values]
}

const readGroup = async (
  reading: RedisReading,
  plans: readonly EventPlan[],
  limits: GroupLimits,
): Promise<RedisGroup> => {
  const { redis, shard } = reading
  let group = plans
  for (let tries = 0; tries < TRIES; tries += 1) {
    const [sequence, time, ...replies] = await atOneMoment(reading, (multi) => {
      multi.time()
      for (const plan of group) addEvent(multi, shard, plan, limits)
    })
    let at = 0
    const found = group.map((plan) => {
      const event = eventOf(plan, replies, at, { sequence, nowMs: timeMs(time), limits })
      at = event.next
      return event
    })
    if (found.every((event) => covers(event.plan, event))) {
      const events = new Map<EventNumber, RedisEvent>()
      for (const { plan, read } of found) {
        const isLarge = plan.chunks.length > limits.chunksMax
        const bits = isLarge ? await countBits(reading, plan, sequence, limits) : read.bits
        events.set(plan.event, { ...read, bits })
      }
      return { sequence, events }
    }
    // A chunk or a window came in between that the plan did not expect.
    group = await planOf(
      redis,
      shard,
      group.map(({ event }) => event),
    )
  }
  throw new Error(`shard ${shard}: voters keep coming; Redis could not be read at one moment`)
}

const addEvent = (
  multi: ChainableCommander,
  shard: Shard,
  plan: EventPlan,
  { chunksMax }: GroupLimits,
): void => {
  const { event, chunks, expected } = plan
  multi.hgetall(tallyKey(shard, event)).getBuffer(chunksKey(shard, event))
  const keyOf = (startMs: number) => windowKey(shard, event, startMs)
  // EXISTS takes one key at least: that of the event's tally, which counts for nothing below.
  multi.exists(tallyKey(shard, event), ...unexpectedWindows(plan).map(keyOf))
  for (const startMs of expected) multi.hgetall(keyOf(startMs))
  if (chunks.length > chunksMax) return
  for (const chunk of chunks) {
    multi.bitcount(votedKey(shard, event, chunk)).bitcount(rejectedKey(shard, event, chunk))
  }
}

interface Moment {
  readonly sequence: number
  readonly nowMs: number
  readonly limits: GroupLimits
}

/** An event out of the replies to what `addEvent` asked, from `at` on. */
const eventOf = (plan: EventPlan, replies: readonly unknown[], at: number, moment: Moment) => {
  const { sequence, nowMs, limits } = moment
  const tally = replies[at] as Record<string, string>
  const bitmap = (replies[at + 1] as Buffer | null) ?? Buffer.alloc(0)
  const unexpected = Number(replies[at + 2]) - (Object.keys(tally).length > 0 ? 1 : 0)
  const books = tallyBooks(tally)
  for (const [index, startMs] of plan.expected.entries()) {
    const votes = votesOf(replies[at + 3 + index] as Record<string, string>)
    if (votes.size > 0) books.windows.set(startMs, votes)
  }
  const bitsAt = at + 3 + plan.expected.length
  const next = bitsAt + (plan.chunks.length > limits.chunksMax ? 0 : 2 * plan.chunks.length)
  const counts = replies.slice(bitsAt, next) as number[]
  const bits = { ...sumOfPairs(counts), fromSequence: sequence, toSequence: sequence }
  const mustHaveWindow = mustBeThere(plan.windows, nowMs)
  const read: RedisEvent = { books, mustHaveWindow, isClosed: tally.closed_at !== undefined, bits }
  return { plan, next, read, chunks: setBits(bitmap), ackedAtMs: Number(tally.acked_at ?? 0), unexpected }
}

/**
 * The bits of an event with very many chunks, a slice at a time. Voters are only ever added, so the sum stands
 * between what the log says where the chunks were listed and where the last slice was counted.
 */
const countBits = async (
  reading: RedisReading,
  { event, chunks }: EventPlan,
  fromSequence: number,
  { chunksMax }: GroupLimits,
): Promise<BitCounts> => {
  const { shard } = reading
  const bits = { voted: 0, rejected: 0, fromSequence, toSequence: fromSequence }
  for (let at = 0; at < chunks.length; at += chunksMax) {
    const [sequence, ...counts] = await atOneMoment(reading, (multi) => {
      for (const chunk of chunks.slice(at, at + chunksMax)) {
        multi.bitcount(votedKey(shard, event, chunk)).bitcount(rejectedKey(shard, event, chunk))
      }
    })
    if (sequence < bits.toSequence)
      throw new ViewLostError(`shard ${shard}: Redis went back while it was read`)
    bits.toSequence = sequence
    const sum = sumOfPairs(counts as number[])
    bits.voted += sum.voted
    bits.rejected += sum.rejected
  }
  return bits
}
