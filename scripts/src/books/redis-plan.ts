import type { EventNumber } from '@votestream/schema/numbers'
import { WINDOW_KEPT_MS, WINDOW_MS, windowStart } from '@votestream/schema/redis-keys'

/** What is to be read of an event in Redis at one moment: all names must be known before. */
export interface EventPlan {
  readonly event: EventNumber
  /** The chunks of voters that exist. */
  readonly chunks: readonly number[]
  readonly windows: WindowRange
  /** Starts of the windows in that range that are expected to be there: the others must not be. */
  readonly expected: readonly number[]
}

/** Starts of the first and the last window that are read; none if the last one is before the first. */
export interface WindowRange {
  readonly fromMs: number
  readonly toMs: number
}

/** Votes and the reading itself may move on by this much before the names have to be made anew. */
const AHEAD_MS = 60_000
/** Windows of one event at most, should the clock of a shard's owner be far ahead: the latest ones. */
const WINDOWS_MAX = 2_048

/**
 * Every window that may still be there, as long as nobody votes.
 * @param ackedAtMs of the event's last vote.
 */
export const plannedWindows = (ackedAtMs: number, nowMs: number): WindowRange => {
  const toMs = windowStart(Math.max(ackedAtMs, nowMs) + AHEAD_MS)
  const kept = windowStart(nowMs - WINDOW_KEPT_MS) - WINDOW_MS
  const fromMs = Math.max(kept, toMs - WINDOWS_MAX * WINDOW_MS, 0)
  // An event that rests has none.
  return ackedAtMs < fromMs ? { fromMs, toMs: fromMs - WINDOW_MS } : { fromMs, toMs }
}

export const windowStarts = ({ fromMs, toMs }: WindowRange): number[] =>
  Array.from(
    { length: Math.max(0, (toMs - fromMs) / WINDOW_MS + 1) },
    (_, index) => fromMs + index * WINDOW_MS,
  )

/** The windows in a range that were seen before, and the latest ones, which may have come since. */
export const expectedWindows = (range: WindowRange, seen: ReadonlySet<number>, nowMs: number): number[] =>
  windowStarts(range).filter((startMs) => seen.has(startMs) || startMs >= windowStart(nowMs) - RECENT_MS)

const RECENT_MS = 60_000

export const unexpectedWindows = ({ windows, expected }: EventPlan): number[] => {
  const known = new Set(expected)
  return windowStarts(windows).filter((startMs) => !known.has(startMs))
}

interface Found {
  readonly chunks: readonly number[]
  readonly ackedAtMs: number
  /** Windows that are there though nobody expected them. */
  readonly unexpected: number
}

/** Whether what was found is all of what the plan names, so that nothing of the event was left out. */
export const covers = (plan: EventPlan, { chunks, ackedAtMs, unexpected }: Found): boolean => {
  const planned = new Set(plan.chunks)
  const windowsAreAll = unexpected === 0 && windowStart(ackedAtMs) <= plan.windows.toMs
  return windowsAreAll && chunks.every((chunk) => planned.has(chunk))
}

/** Commands in one MULTI at most (a few milliseconds of Redis), and events. */
export interface GroupLimits {
  readonly commandsMax: number
  readonly eventsMax: number
  /** An event with more chunks has them counted by themselves. */
  readonly chunksMax: number
}

export const GROUP_LIMITS: GroupLimits = { commandsMax: 8_192, eventsMax: 256, chunksMax: 4_096 }

/** Cuts plans into groups that are each read at one moment; one event may be more than the limit. */
export const groupsOf = (plans: readonly EventPlan[], limits: GroupLimits): EventPlan[][] => {
  const groups: EventPlan[][] = []
  let commands = 0
  for (const plan of plans) {
    const more = commandsOf(plan, limits)
    const group = groups.at(-1)
    if (group && commands + more <= limits.commandsMax && group.length < limits.eventsMax) {
      group.push(plan)
      commands += more
    } else {
      groups.push([plan])
      commands = more
    }
  }
  return groups
}

const commandsOf = ({ chunks, expected }: EventPlan, { chunksMax }: GroupLimits): number =>
  3 + (chunks.length > chunksMax ? 0 : 2 * chunks.length) + expected.length

/** The numbers of the bits that are set. */
export const setBits = (bitmap: Uint8Array): number[] => {
  const numbers: number[] = []
  for (const [index, byte] of bitmap.entries()) {
    for (let bit = 0; byte !== 0 && bit < 8; bit += 1) if (byte & (128 >> bit)) numbers.push(index * 8 + bit)
  }
  return numbers
}

/**
 * Windows that must be there: those whose time is not up for a while, since Redis's clock and the tally's may
 * differ a little.
 */
export const mustBeThere = (range: WindowRange, nowMs: number): ((startMs: number) => boolean) => {
  const upAtMs = nowMs + CLOCK_SKEW_MS
  return (startMs) =>
    startMs >= range.fromMs && startMs <= range.toMs && startMs + WINDOW_MS + WINDOW_KEPT_MS > upAtMs
}

const CLOCK_SKEW_MS = 5_000
