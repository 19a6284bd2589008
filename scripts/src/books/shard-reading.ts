import { setTimeout } from 'node:timers/promises'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { type LogPosition, logPosition } from '@votestream/infra/log-reader'
import type { Nats } from '@votestream/infra/nats'
import type { Redis } from '@votestream/infra/redis'
import type { EventNumber, Shard } from '@votestream/schema/numbers'
import {
  type ArchivedWindows,
  ArchiveLostError,
  MINUTE_MS,
  readArchivedEvents,
  readArchivedSequence,
  readArchivedWindows,
  readClickhouseBooks,
  readEarlierStreams,
  readMinutesOfRows,
} from './clickhouse-books.js'
import type { EventReading, MinutesReading, ShardReading } from './comparison.js'
import { compareLetters, type LettersComparison, readLetters } from './letters.js'
import { type LogBooks, LogPurgedError, readLogBooks } from './log-books.js'
import { type Cut, type EventsAtCut, NO_ROWS, NOTHING, windowsOf } from './log-cuts.js'
import type { Progress } from './progress.js'
import type { ShardSummary } from './reconciliation.js'
import {
  type RedisBooks,
  type RedisGroup,
  readRedisBooks,
  readRedisPosition,
  ViewLostError,
} from './redis-books.js'
import type { GroupLimits } from './redis-plan.js'
import { NotComparableError, untilThere } from './waiting.js'

export interface ShardSources {
  readonly nats: Nats
  readonly redis: Redis
  readonly clickhouse: ClickHouseClient
  readonly shards: number
  /** As performance.now() tells. */
  readonly giveUpAtMs: number
  readonly wants: (event: EventNumber) => boolean
  /** Whether every event is wanted. */
  readonly readsAll: boolean
  readonly onProgress: (progress: Progress) => void
  readonly limits: GroupLimits
}

interface ReadShard {
  readonly reading: ShardReading
  readonly summary: ShardSummary
}

const LOOK_EVERY_MS = 100
const MAY_PASS = [ViewLostError, ArchiveLostError, LogPurgedError]

/** Reads a shard in one piece: begun again when a sink of it is made anew, or its log purged, meanwhile. */
export const readShard = async (sources: ShardSources, shard: Shard): Promise<ReadShard> => {
  const end = await logPosition(sources.nats, shard)
  for (;;) {
    try {
      return await readOnce(sources, shard, end)
    } catch (error) {
      if (!(error instanceof Error && MAY_PASS.some((kind) => error instanceof kind))) throw error
      if (performance.now() > sources.giveUpAtMs)
        throw new NotComparableError(error.message, { cause: error })
      await setTimeout(LOOK_EVERY_MS)
    }
  }
}

const readOnce = async (sources: ShardSources, shard: Shard, end: LogPosition): Promise<ReadShard> => {
  const { nats, redis, clickhouse, wants, limits } = sources
  const { generation } = end
  const archive = { clickhouse, shard, generation }
  const say = (step: Progress['step']) => (done: number, all: number) =>
    sources.onProgress({ shard, step, done, all })

  // 1. Redis first: of the three it is the only one that cannot be read as of an earlier time.
  say('waiting for the sinks')(0, 0)
  await untilThere(sources, shard, 'Redis', end, () => readRedisPosition(redis, shard))
  const stored = await readRedisBooks({
    redis,
    shard,
    generation,
    wants,
    limits,
    onProgress: say('reading Redis'),
  })
  const redisEnd = Math.max(stored.sequence, ...stored.groups.map(lastOf))
  // 2. ClickHouse has to hold what Redis holds, and then its minutes are read at the message they are at.
  const archived = async () => ({ generation, sequence: await readArchivedSequence(archive) })
  await untilThere(sources, shard, 'ClickHouse', { ...end, lastSequence: redisEnd }, archived)
  const minutes = await readArchivedWindows(archive, wants)
  refuseLost(shard, redisEnd, minutes.sequence)
  // 3. The log, not older than what the sinks hold: otherwise they are of another one.
  const now = await logPosition(nats, shard)
  if (now.generation !== generation || now.lastSequence < Math.max(redisEnd, minutes.sequence)) {
    throw new NotComparableError(
      `shard ${shard}: the log is another one, or shorter than what was made of it`,
    )
  }
  const places = placesOf(stored, minutes.sequence, wants)
  const log = await readLogBooks({
    nats,
    shard,
    shards: sources.shards,
    position: now,
    cuts: places.cuts,
    toSequence: redisEnd,
    onProgress: say('replaying the log'),
  })
  // 4. The rows of ClickHouse, which holds on to everything: cut where the others were read.
  const earlierStreams = await readEarlierStreams(archive)
  const spanning = new Set(earlierStreams.flatMap(({ events }) => events))
  const context: Context = { archive, position: now, spanning, wants, log, places }
  const events = await readPlaces(context, stored, say('reading ClickHouse'))
  const reading = { shard, events, minutes: await readMinutes(context, minutes) }
  refuseLost(shard, minutes.sequence, await readArchivedSequence(archive))
  return {
    reading,
    summary: {
      shard,
      generation,
      firstSequence: now.firstSequence,
      redis: { fromSequence: stored.sequence, toSequence: redisEnd },
      minutesSequence: minutes.sequence,
      letters: await lettersOf(sources, shard, log.deadMessages, now, redisEnd),
      earlierStreams: earlierStreams
        .map((stream) => ({ ...stream, events: stream.events.filter(wants) }))
        .filter((stream) => stream.events.length > 0),
    },
  }
}

/** An archive that lost rows is begun anew: until it is there again, the books would tell of what it writes again. */
const refuseLost = (shard: Shard, wasAt: number, isAt: number): void => {
  if (isAt >= wasAt) return
  throw new ArchiveLostError(`shard ${shard}: ClickHouse went back from message ${wasAt} to ${isAt}`)
}

/** The last message at which something of a group was read. */
const lastOf = ({ sequence, events }: RedisGroup): number =>
  Math.max(sequence, ...[...events.values()].map(({ bits }) => bits.toSequence))

/** Where the log is cut: each list holds indexes of `cuts`. */
interface Places {
  readonly cuts: readonly Cut[]
  readonly groups: readonly { readonly cut: number; readonly group: RedisGroup }[]
  /** For the events whose voters' bits were counted over a stretch of the log: where it ended. */
  readonly afterBits: ReadonlyMap<EventNumber, number>
  /** For the events that Redis does not know. */
  readonly others: number
  readonly minutes: number
}

const placesOf = (
  stored: RedisBooks,
  minutesSequence: number,
  wants: (event: EventNumber) => boolean,
): Places => {
  const cuts: Cut[] = []
  const add = (cut: Cut): number => cuts.push(cut) - 1
  const known = new Set<EventNumber>()
  const afterBits = new Map<EventNumber, number>()
  const groups = stored.groups.map((group) => {
    for (const [event, { bits }] of group.events) {
      known.add(event)
      if (bits.toSequence === bits.fromSequence) continue
      afterBits.set(event, add({ sequence: bits.toSequence, holds: (other) => other === event }))
    }
    return { group, cut: add({ sequence: group.sequence, holds: (event) => group.events.has(event) }) }
  })
  const others = add({ sequence: stored.sequence, holds: (event) => wants(event) && !known.has(event) })
  const minutes = add({ sequence: minutesSequence, holds: wants })
  return { cuts, groups, afterBits, others, minutes }
}

interface Context {
  readonly archive: {
    readonly clickhouse: ClickHouseClient
    readonly shard: Shard
    readonly generation: string
  }
  readonly position: LogPosition
  /** Events that ClickHouse also knows from an earlier stream. */
  readonly spanning: ReadonlySet<EventNumber>
  readonly wants: (event: EventNumber) => boolean
  readonly log: LogBooks
  readonly places: Places
}

const isWhole = ({ firstSequence }: LogPosition): boolean => firstSequence <= 1

const readPlaces = async (
  context: Context,
  stored: RedisBooks,
  onProgress: (done: number, all: number) => void,
): Promise<EventReading[]> => {
  const { archive, position, wants, log, places } = context
  const known = new Set(places.groups.flatMap(({ group }) => [...group.events.keys()]))
  const archived = await readArchivedEvents(archive, stored.sequence)
  const others = new Set([
    ...archived.filter((event) => wants(event) && !known.has(event)),
    ...(log.cuts[places.others]?.keys() ?? []),
  ])
  const all: readonly Place[] = [
    ...places.groups.map(({ cut, group }) => ({
      cut,
      sequence: group.sequence,
      events: [...group.events.keys()],
      redis: group.events,
    })),
    { cut: places.others, sequence: stored.sequence, events: [...others], redis: undefined },
  ]
  const readings: EventReading[] = []
  // While nobody votes all groups are of the same message, and few queries do.
  for (const upTo of new Set(all.map(({ sequence }) => sequence))) {
    const together = all.filter(({ sequence }) => sequence === upTo)
    const events = together.flatMap((place) => place.events)
    const rows = await readClickhouseBooks({
      ...archive,
      events,
      firstSequence: position.firstSequence,
      upTo,
    })
    readings.push(...together.flatMap((place) => readingsOf(context, place, rows)))
    onProgress(readings.length, known.size + others.size)
  }
  return readings
}

interface Place {
  readonly cut: number
  readonly sequence: number
  readonly events: readonly EventNumber[]
  readonly redis: RedisGroup['events'] | undefined
}

const readingsOf = (
  { position, spanning, log, places }: Context,
  { cut, sequence, events, redis }: Place,
  rows: EventsAtCut,
): EventReading[] => {
  const atCut = log.cuts[cut]
  return events.map((event) => {
    const inLog = atCut?.get(event)
    const afterBits = places.afterBits.get(event)
    return {
      event,
      sequence,
      // Of a log that was purged, a replay of the rest says nothing about who had voted before.
      log: isWhole(position) ? (inLog ?? NOTHING) : undefined,
      logAfterBits: afterBits === undefined ? undefined : log.cuts[afterBits]?.get(event),
      logRows: inLog?.rows ?? NO_ROWS,
      redis: redis?.get(event),
      clickhouse: rows.get(event),
      spansStreams: spanning.has(event),
    }
  })
}

const readMinutes = async (
  context: Context,
  { sequence, windows }: ArchivedWindows,
): Promise<MinutesReading> => {
  const { archive, position, spanning, wants, log, places } = context
  const { firstSequence } = position
  const logTells = (event: EventNumber) => isWhole(position) && !spanning.has(event)
  const inLog = [...(log.cuts[places.minutes] ?? [])].filter(([event]) => logTells(event))
  const others = new Set(
    [...windows.keys(), ...(await readArchivedEvents(archive, sequence))].filter(
      (event) => wants(event) && !logTells(event),
    ),
  )
  const rows = await readMinutesOfRows({ ...archive, events: [...others], firstSequence, upTo: sequence })
  return {
    sequence,
    windows,
    log: new Map(inLog.map(([event, { books }]) => [event, windowsOf(books.windows, MINUTE_MS)])),
    rows: new Map([...others].map((event) => [event, rows.get(event) ?? new Map()])),
  }
}

const lettersOf = async (
  { nats, readsAll }: ShardSources,
  shard: Shard,
  deadMessages: readonly number[],
  { generation, firstSequence }: LogPosition,
  toSequence: number,
): Promise<LettersComparison | undefined> => {
  // Letters are of messages, and a message is of many events.
  if (!readsAll) return undefined
  return compareLetters(deadMessages, await readLetters(nats, shard, generation), {
    fromSequence: firstSequence,
    toSequence,
  })
}
