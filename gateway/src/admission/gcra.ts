import type { Rate } from './limits.js'

/**
 * One limit as one replica sees it: a token bucket that is brought up to date when it is looked at, as the generic cell rate
 * algorithm does it, with nothing that runs in between.
 *
 * What it holds was *leased* from the bucket that all replicas share (see `bucket-shares`), which alone refills. Only where
 * nothing was heard of that bucket for a while, because Redis is away or because it was never asked, does this one refill
 * itself, and then at the replica's share of the rate.
 */
export interface Bucket {
  /** Unlike any other; part of a key in Redis. */
  readonly name: string
  readonly rate: Rate
  /** Every replica holds its part at all times; otherwise only those where it is in use. */
  readonly everywhere: boolean
  /** At hand; never negative. */
  tokens: number
  /** When it was brought up to date. */
  atMs: number
  /** When the shared bucket was last heard of. */
  heardMs: number
  /** At hand after that, all of it from the shared bucket. */
  leased: number
  /** Since then; what is more than was leased is owed to the shared bucket. */
  spent: number
  /** Asked for since the last plea, by requests that were refused. */
  lacking: number
  /** The largest of those that may come again, and until when it is waited for. */
  most: number
  mostUntilMs: number
  /** When so much is spent it is time to ask for more. */
  callAt: number
  /** Others lack what this one may have to spare. */
  scarce: boolean
  /** Of the replica's own making: whether it waits for its turn, and whether it is urgent. */
  listed: boolean
  urgent: boolean
  usedMs: number
}

/** From then on a replica goes by its share alone. */
export const STALE_MS = 200
/** A bucket that is in use here and there holds at least so much everywhere, so that nobody is refused their first steps. */
const FIRST_STEPS = 10
/** What would take its share for longer than this is leased. */
const ALONE_MS = 100
/** What is scarce is leased for so long ahead. */
const AHEAD_MS = 25
/** Who was refused comes again within this of when it was told to. */
const COMES_AGAIN_MS = 2_000
/** Who came just now may come again. */
const USED_MS = 500
/** Demand is told from as much of the past at most. */
const PAST_MS = 50

/** What one of so many replicas holds. */
export const partOf = ({ burst }: Rate, everywhere: boolean, replicas: number): number => {
  const part = Math.max(1, Math.floor(burst / replicas))
  return everywhere ? part : Math.max(part, Math.min(burst, FIRST_STEPS))
}

export const createBucket = (
  given: Pick<Bucket, 'name' | 'rate' | 'everywhere'>,
  nowMs: number,
  replicas: number,
): Bucket => {
  const part = partOf(given.rate, given.everywhere, replicas)
  return {
    name: given.name,
    rate: given.rate,
    everywhere: given.everywhere,
    tokens: part,
    atMs: nowMs,
    heardMs: Number.NEGATIVE_INFINITY,
    leased: 0,
    spent: 0,
    lacking: 0,
    most: 0,
    mostUntilMs: 0,
    callAt: Math.min(
      part / 2,
      Math.max(FIRST_STEPS / 2, (given.rate.perSecond * ALONE_MS) / (1_000 * replicas)),
    ),
    scarce: false,
    listed: false,
    urgent: false,
    usedMs: nowMs,
  }
}

/** Whether there is room; nothing is taken. */
export const hasRoom = (bucket: Bucket, cost: number, nowMs: number, replicas: number): boolean => {
  refill(bucket, nowMs, replicas)
  return bucket.tokens >= cost
}

/** Only where there is room. */
export const take = (bucket: Bucket, cost: number, nowMs: number): void => {
  bucket.tokens -= cost
  bucket.spent += cost
  bucket.usedMs = nowMs
  if (bucket.most > 0 && cost >= bucket.most) bucket.most = 0
}

/** Notes that there was no room. @returns milliseconds until there may be. */
export const lack = (bucket: Bucket, cost: number, nowMs: number): number => {
  const wanted = Math.min(cost, bucket.rate.burst)
  const waitMs = ((wanted - bucket.tokens) / bucket.rate.perSecond) * 1_000
  bucket.lacking += wanted
  bucket.usedMs = nowMs
  if (wanted >= bucket.most) {
    bucket.most = wanted
    bucket.mostUntilMs = nowMs + waitMs + COMES_AGAIN_MS
  }
  return waitMs
}

const refill = (bucket: Bucket, nowMs: number, replicas: number): void => {
  const fromMs = Math.max(bucket.atMs, bucket.heardMs + STALE_MS)
  if (nowMs <= fromMs) return
  bucket.atMs = nowMs
  const part = partOf(bucket.rate, bucket.everywhere, replicas)
  const share = ((nowMs - fromMs) * bucket.rate.perSecond) / (1_000 * replicas)
  if (bucket.tokens < part) bucket.tokens = Math.min(part, bucket.tokens + share)
}

/** What is said to the shared bucket. */
export interface Plea {
  readonly perSecond: number
  readonly burst: number
  /** The part of the burst that no replica holds: to there the shared bucket refills itself, whoever is full. */
  readonly reserve: number
  /** Below which no debt takes it. */
  readonly floor: number
  /** Spent without having been leased. */
  readonly owed: number
  /** Wanted; negative: given back. */
  readonly ask: number
  /** Of what is wanted, what is lacked for what comes in: others have to spare it. */
  readonly need: number
  /** What was spent of the bucket by then, leased or not. */
  readonly spent: number
}

export interface Grant {
  readonly tokens: number
  readonly scarce: boolean
}

/** Takes what is given back out of the bucket; without an answer nothing else changes. All times are of a monotonic clock. */
export const plead = (bucket: Bucket, nowMs: number, replicas: number): Plea => {
  const { rate, everywhere, spent } = bucket
  if (nowMs > bucket.mostUntilMs) bucket.most = 0
  const part = partOf(rate, everywhere, replicas)
  const demand = demandOn(bucket, nowMs)
  const atHand = Math.max(0, bucket.leased - spent)
  const ask = Math.max(demand, bucket.scarce ? 0 : part) - atHand
  bucket.lacking = 0
  if (ask < 0) {
    bucket.tokens = Math.max(0, bucket.tokens + ask)
    bucket.leased += ask
  }
  return {
    perSecond: rate.perSecond,
    burst: rate.burst,
    reserve: Math.max(0, rate.burst - part * (everywhere ? replicas : 1)),
    // Everybody's parts are within the burst where everybody holds one; elsewhere what was had too much is paid back.
    floor: everywhere ? 0 : -rate.burst,
    // Of a long absence no more is owed than a part: what was refilled meanwhile was this replica's.
    owed: Math.min(part, Math.max(0, spent - bucket.leased)),
    ask,
    need: Math.max(0, demand - atHand),
    spent,
  }
}

/** What comes in until the next plea, if it goes on like this. */
const demandOn = ({ rate, spent, lacking, most, heardMs, usedMs }: Bucket, nowMs: number): number => {
  const sinceMs = Math.min(Math.max(nowMs - heardMs, 5), PAST_MS)
  const ahead = Math.ceil(((spent + lacking) * AHEAD_MS) / sinceMs)
  // Where less than one comes in it is still one.
  const next = nowMs - usedMs < USED_MS ? 1 : 0
  return Math.min(rate.burst, Math.max(ahead, most, next))
}

export const settle = (bucket: Bucket, { spent, ask }: Plea, grant: Grant, nowMs: number): void => {
  bucket.leased = Math.max(0, bucket.leased - spent) + (ask > 0 ? grant.tokens : 0)
  bucket.spent -= spent
  bucket.tokens = Math.max(0, bucket.leased - bucket.spent)
  bucket.atMs = nowMs
  bucket.heardMs = nowMs
  bucket.scarce = grant.scarce
  bucket.callAt = bucket.leased / 2
}
