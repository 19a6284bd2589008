import {
  type BucketShares,
  createBucketShares,
  type SharedBuckets,
} from '../../../src/admission/bucket-shares.js'
import {
  type Bucket,
  createBucket,
  type Grant,
  hasRoom,
  lack,
  type Plea,
  take,
} from '../../../src/admission/gcra.js'
import type { Rate } from '../../../src/admission/limits.js'

/** Requests in a millisecond at one of the replicas, each of the cost 1. */
export type Demand = (replica: number, atMs: number) => number

export interface Simulation {
  readonly rate: Rate
  readonly replicas: number
  readonly demand: Demand
  readonly forMs: number
  /** When the shared bucket does not answer. */
  readonly away?: (atMs: number) => boolean
  readonly everywhere?: boolean
}

export interface Simulated {
  /** In each millisecond, by all replicas together. */
  readonly admitted: readonly number[]
  readonly byReplica: readonly number[]
  /** By one bucket for all. */
  readonly ideal: readonly number[]
}

const SCARCE_MS = 500
const UNMET_MS = 1_000
/** There and back. */
const ROUND_TRIP_MS = 2

/** Replicas over one shared bucket, in a time of their own: the code under test, and a model of the script in Redis. */
export const simulate = async ({
  rate,
  replicas,
  demand,
  forMs,
  away = () => false,
  everywhere = true,
}: Simulation): Promise<Simulated> => {
  const world = createWorld()
  const sharedFor = createSharedModel({ world, replicas, away })
  const running = Array.from({ length: replicas }, (_, index) => {
    const shares = createBucketShares({
      shared: sharedFor(index),
      logger: { warn: () => undefined, info: () => undefined } as never,
      replicas,
      timers: { ...world, random: createRandom(index + 1) },
    })
    const bucket = createBucket({ name: 'service', rate, everywhere }, world.now(), replicas)
    if (everywhere) shares.hold(bucket)
    void shares.start()
    return { shares, bucket }
  })
  await world.runTo(100)

  const admitted: number[] = []
  const ideal: number[] = []
  const byReplica = running.map(() => 0)
  let level = rate.burst
  for (let atMs = 0; atMs < forMs; atMs += 1) {
    await world.runTo(100 + atMs)
    let all = 0
    let count = 0
    for (const [index, replica] of running.entries()) {
      const asked = demand(index, atMs)
      const given = admit(replica, asked, world.now())
      byReplica[index] = (byReplica[index] ?? 0) + given
      all += asked
      count += given
    }
    admitted.push(count)
    level = Math.min(rate.burst, level + rate.perSecond / 1_000)
    const ideally = Math.min(all, Math.floor(level))
    level -= ideally
    ideal.push(ideally)
  }
  for (const { shares } of running) shares.stop()
  return { admitted, byReplica, ideal }
}

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

const admit = (
  { shares, bucket }: { readonly shares: BucketShares; readonly bucket: Bucket },
  asked: number,
  nowMs: number,
): number => {
  let given = 0
  for (let index = 0; index < asked; index += 1) {
    if (hasRoom(bucket, 1, nowMs, shares.replicas)) {
      take(bucket, 1, nowMs)
      given += 1
      if (bucket.spent >= bucket.callAt) shares.call(bucket)
    } else {
      lack(bucket, 1, nowMs)
      shares.call(bucket)
    }
  }
  return given
}

/** A clock that stands still but for `runTo`. */
const createWorld = () => {
  let nowMs = 0
  let timers: { readonly atMs: number; readonly run: () => void }[] = []
  const after = (ms: number, run: () => void) => {
    const timer = { atMs: nowMs + ms, run }
    timers.push(timer)
    return () => {
      timers = timers.filter((each) => each !== timer)
    }
  }
  return {
    now: () => nowMs,
    after,
    async runTo(ms: number) {
      for (;;) {
        const next = timers.reduce<(typeof timers)[number] | undefined>(
          (first, each) => (first && first.atMs <= each.atMs ? first : each),
          undefined,
        )
        if (!next || next.atMs > ms) break
        timers = timers.filter((each) => each !== next)
        nowMs = Math.max(nowMs, next.atMs)
        next.run()
        // What follows at once from it.
        for (let turns = 0; turns < 8; turns += 1) await Promise.resolve()
      }
      nowMs = ms
    },
  }
}

/** As `deal-tokens.lua` has it; a test holds the two against each other. */
export const createSharedModel = ({
  world,
  replicas,
  away,
}: {
  readonly world: Pick<ReturnType<typeof createWorld>, 'now' | 'after'>
  readonly replicas: number
  readonly away: (atMs: number) => boolean
}): ((replica: number) => SharedBuckets) => {
  const buckets = new Map<string, SharedBucket>()
  const pause = (ms: number) => new Promise<void>((resolve) => void world.after(ms, resolve))
  return (replica) => ({
    async deal(pleas) {
      await pause(ROUND_TRIP_MS / 2)
      const nowMs = world.now()
      if (away(nowMs - 100)) throw new Error('away')
      const grants = pleas.map(({ name, plea }) => {
        const never = Number.NEGATIVE_INFINITY
        const found = buckets.get(name)
        const full = {
          level: plea.burst,
          atMs: nowMs,
          scarceMs: never,
          unmet: 0,
          unmetBy: -1,
          unmetMs: never,
        }
        const bucket = found ?? full
        buckets.set(name, bucket)
        return dealTo(bucket, replica, plea, nowMs)
      })
      await pause(ROUND_TRIP_MS / 2)
      return { replicas, grants }
    },
  })
}

interface SharedBucket {
  level: number
  atMs: number
  scarceMs: number
  unmet: number
  unmetBy: number
  unmetMs: number
}

const dealTo = (bucket: SharedBucket, replica: number, plea: Plea, nowMs: number): Grant => {
  const { burst, ask } = plea
  if (bucket.unmetBy === replica || nowMs - bucket.unmetMs > UNMET_MS) bucket.unmet = 0
  let cap = Math.min(burst, plea.reserve + bucket.unmet + Math.max(0, ask))
  if (nowMs - bucket.scarceMs < SCARCE_MS) cap = burst
  const refilled = bucket.level + ((nowMs - bucket.atMs) * plea.perSecond) / 1_000
  if (bucket.level < cap) bucket.level = Math.min(cap, refilled)
  if (plea.owed > 0) bucket.level = Math.max(Math.min(plea.floor, bucket.level), bucket.level - plea.owed)
  let tokens = 0
  if (ask < 0) bucket.level = Math.max(bucket.level, Math.min(burst, bucket.level - ask))
  else if (ask > 0) {
    tokens = Math.floor(Math.max(0, Math.min(ask, bucket.level)))
    bucket.level -= tokens
    if (tokens < ask) {
      bucket.unmet = ask - tokens
      bucket.unmetBy = replica
      bucket.unmetMs = nowMs
    }
  }
  bucket.atMs = nowMs
  if (tokens < plea.need) bucket.scarceMs = nowMs
  return { tokens, scarce: nowMs - bucket.scarceMs < SCARCE_MS }
}

/** Mulberry32: the same numbers each time. */
const createRandom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
