import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import type { Quota } from '@votestream/schema/usage-plan'
import pLimit from 'p-limit'
import { unavailable } from '../store.js'
import type { ApiKey, Quotas } from './api-key.js'
import { NO_KEY_METRICS, type KeyMetrics } from './key-metrics.js'
import { exchange, type Report, retryAfterMs, type Usage, usageOf, type Want } from './quota-decision.js'
import type { QuotaLedger } from './quota-ledger.js'

export interface SharedQuotas extends Quotas {
  /** Of the keys that this gateway serves, as it learned last; at most one for each key. */
  usages(): Iterable<{ readonly key: ApiKey; readonly usage: Usage }>
  /** Gives back what was taken ahead. A gateway that dies without it leaves it as used: a second's worth at most. */
  stop(): Promise<void>
}

interface QuotasOptions {
  readonly ledger: QuotaLedger
  /** The broker's clock: all gateways count by the same one. */
  readonly now: () => number
  readonly logger: Logger
  readonly metrics?: KeyMetrics
  readonly flushEveryMs?: number
}

/** How often what was used is told, and what is not needed given back. */
const FLUSH_EVERY_MS = 1_000
/** Flushes at once; where there are more keys, they take turns, and what is held is held for longer. */
const FLUSHES_AT_ONCE = 16
/** A key that nobody showed for so many flushes is forgotten here. */
const IDLE_FLUSHES_MAX = 60
/** How long a refusal is repeated before the record is looked at again: somebody may have given back. */
const REFUSE_MS = 1_000
/** How long a request waits for its turn. */
const WAIT_MS = 2_000
/** Gateways that write at the same time try again; each time one of them succeeds. */
const ATTEMPTS_MAX = 50
const BACK_OFF_MS = 5
const STOP_MS = 1_500

/** A key's quota, as far as this gateway has a hand in it. */
interface Holding {
  key: ApiKey
  startMs: number
  endMs: number
  /** What may be let through without asking. */
  left: number
  /** Below it more is fetched, while nobody waits; negative: never. */
  lowWater: number
  /** What the next report says: see `Report`. */
  used: number
  back: number
  /** Requests let through since the last flush, and between the two before it: what to expect. */
  usedNow: number
  usedBefore: number
  idleFlushes: number
  /** Costs of requests that wait for the next exchange, and the least of them. */
  wanted: number
  wantedLeast: number
  gathering: Promise<void> | undefined
  running: Promise<void> | undefined
  refusal: { readonly atLeast: number; readonly untilMs: number; readonly retryAtMs: number } | undefined
  usage: Usage | undefined
}

/** What takes an exchange to know. */
const ASK = 'ask'

/**
 * Quotas that hold over all gateways: see `quota-decision`. While the broker is away what was taken before is let
 * through, then nothing: STORE_UNAVAILABLE.
 */
export const createQuotas = ({
  ledger,
  now,
  logger,
  metrics = NO_KEY_METRICS,
  flushEveryMs = FLUSH_EVERY_MS,
}: QuotasOptions): SharedQuotas => {
  // At most one for each key that there is.
  const holdings = new Map<string, Holding>()
  const stopped = new AbortController()

  const takeAtHand = (holding: Holding, cost: number): number | undefined | typeof ASK => {
    const nowMs = now()
    if (nowMs >= holding.endMs) begin(holding, 0, 0)
    if (holding.left >= cost) {
      holding.left -= cost
      holding.used += cost
      holding.usedNow += cost
      if (holding.left <= holding.lowWater && !holding.gathering && !holding.running)
        join(holding, 0).catch(() => undefined)
      metrics.count(holding.key.plan.name, 'admitted')
      return undefined
    }
    const { refusal } = holding
    if (!refusal || cost < refusal.atLeast || nowMs >= refusal.untilMs) return ASK
    metrics.count(holding.key.plan.name, 'quota_exceeded')
    return Math.max(1, refusal.retryAtMs - nowMs)
  }

  const ask = async (holding: Holding, cost: number): Promise<number | undefined> => {
    const deadlineMs = performance.now() + WAIT_MS
    try {
      do {
        await join(holding, cost)
        const answer = takeAtHand(holding, cost)
        if (answer !== ASK) return answer
      } while (performance.now() < deadlineMs)
      throw unavailable()
    } catch (error) {
      metrics.count(holding.key.plan.name, 'unavailable')
      if (error instanceof VotestreamError) throw error
      logger.error({ err: error, key: holding.key.id }, 'a quota cannot be counted')
      throw unavailable(error)
    }
  }

  /** Waits for an exchange that has not begun: the one under way knows nothing of this request. */
  const join = (holding: Holding, cost: number): Promise<void> => {
    holding.wanted += cost
    if (cost > 0) holding.wantedLeast = Math.min(holding.wantedLeast, cost)
    holding.gathering ??= gather(holding)
    return holding.gathering
  }

  const gather = async (holding: Holding): Promise<void> => {
    await holding.running?.catch(() => undefined)
    // Those who waited for the one before find themselves together in this one.
    await turn()
    holding.gathering = undefined
    const { wanted, wantedLeast, left } = holding
    const want: Want = {
      needed: Math.max(0, wanted - left),
      atLeast: wanted === 0 ? 0 : Math.max(0, wantedLeast - left),
      ahead: aheadOf(holding),
    }
    holding.wanted = 0
    holding.wantedLeast = Number.POSITIVE_INFINITY
    await run(holding, want)
  }

  const run = (holding: Holding, want: Want): Promise<void> => {
    holding.running = trade(holding, want).finally(() => {
      holding.running = undefined
    })
    return holding.running
  }

  /**
   * 1. The report leaves this memory. Dying here: what was held counts as used.
   * 2. The record is written. Dying here, or not learning whether it was: as above, and what it granted counts as used.
   * 3. What was granted may be let through.
   */
  const trade = async (holding: Holding, want: Want): Promise<void> => {
    const { id, plan } = holding.key
    if (!plan.quota) return
    const report: Report = { startMs: holding.startMs, used: holding.used, back: holding.back }
    holding.used = 0
    holding.back = 0
    const keepReport = (): void => {
      if (holding.startMs !== report.startMs) return
      holding.used += report.used
      holding.back += report.back
    }
    for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts += 1) {
      const stored = await ledger.read(id).catch((error: unknown) => {
        keepReport()
        throw error
      })
      const { quota, ratePerSecond } = plan
      const traded = exchange({ record: stored?.record, quota, ratePerSecond, nowMs: now(), report, want })
      const { record } = traded
      if (record && !(await ledger.write(id, record, stored?.revision))) {
        await pause(Math.random() * BACK_OFF_MS)
        continue
      }
      settle(holding, traded, want)
      learn(holding, quota, record ? { record, writtenAtMs: now() } : stored, traded.granted, want)
      return
    }
    keepReport()
    throw unavailable()
  }

  /** What was granted for a period that is over by now is for nobody: whoever waits asks again. */
  const settle = (holding: Holding, traded: ReturnType<typeof exchange>, want: Want): void => {
    const { startMs, endMs, granted, prepaid } = traded
    if (now() >= endMs) return
    if (holding.startMs !== startMs) begin(holding, startMs, endMs)
    holding.left += granted
    holding.used -= prepaid
    if (want.needed > 0 || want.ahead > 0)
      holding.lowWater = granted > prepaid ? Math.floor(holding.left / 2) : -1
  }

  const learn = (
    holding: Holding,
    quota: Quota,
    stored: Parameters<typeof usageOf>[0],
    granted: number,
    { needed, atLeast }: Want,
  ): void => {
    const nowMs = now()
    const usage = usageOf(stored, quota, nowMs)
    holding.usage = usage
    if (needed === 0) return
    const cost = atLeast + holding.left
    const retryAtMs = nowMs + retryAfterMs(usage, cost, nowMs)
    holding.refusal =
      granted > 0 ? undefined : { atLeast: cost, untilMs: nowMs + REFUSE_MS, retryAtMs }
  }

  const flush = async (holding: Holding, keep: number): Promise<void> => {
    if (holding.gathering || holding.running) return
    const back = Math.max(0, holding.left - keep)
    holding.left -= back
    holding.back += back
    if (holding.used === 0 && holding.back === 0) return
    await run(holding, { needed: 0, atLeast: 0, ahead: 0 }).catch((error: unknown) =>
      logger.debug({ err: error, key: holding.key.id }, 'what was used of a quota is told later'),
    )
  }

  const flushLimit = pLimit(FLUSHES_AT_ONCE)
  const flushAll = (keepOf: (holding: Holding) => number): Promise<unknown> =>
    flushLimit.map([...holdings.values()], (holding) => flush(holding, keepOf(holding)))

  /** What a key needed in the last interval it may need in the next. */
  const rest = (holding: Holding): number => {
    holding.idleFlushes = holding.usedNow === 0 ? holding.idleFlushes + 1 : 0
    holding.usedBefore = holding.usedNow
    holding.usedNow = 0
    return holding.usedBefore
  }

  const flushing = (async () => {
    while (!stopped.signal.aborted) {
      await pause(flushEveryMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined)
      if (stopped.signal.aborted) return
      await flushAll(rest)
      for (const [id, holding] of holdings) if (isForgettable(holding)) holdings.delete(id)
    }
  })()

  return {
    take(key, cost) {
      if (!key.plan.quota) {
        metrics.count(key.plan.name, 'admitted')
        return undefined
      }
      let holding = holdings.get(key.id)
      if (!holding) {
        holding = newHolding(key)
        holdings.set(key.id, holding)
      }
      // The plan may have changed.
      holding.key = key
      const answer = takeAtHand(holding, cost)
      return answer === ASK ? ask(holding, cost) : answer
    },
    *usages() {
      for (const { key, usage } of holdings.values()) if (usage) yield { key, usage }
    },
    async stop() {
      stopped.abort()
      const given = flushing.then(async () => {
        await Promise.allSettled([...holdings.values()].map(({ gathering, running }) => gathering ?? running))
        await flushAll(() => 0)
      })
      await Promise.race([given, pause(STOP_MS, undefined, { ref: false })])
    },
  }
}

/** What is at hand and what is fetched ahead together is what a second takes, at most. */
const aheadOf = ({ key, wanted, left, usedNow, usedBefore }: Holding): number => {
  const expected = Math.max(usedNow, usedBefore) + wanted
  return Math.max(0, Math.min(expected, Math.ceil(key.plan.ratePerSecond)) - left)
}

const newHolding = (key: ApiKey): Holding => ({
  ...{ key, startMs: 0, endMs: 0, left: 0, lowWater: -1, used: 0, back: 0 },
  ...{ usedNow: 0, usedBefore: 0, idleFlushes: 0, wanted: 0, wantedLeast: Number.POSITIVE_INFINITY },
  ...{ gathering: undefined, running: undefined, refusal: undefined, usage: undefined },
})

/** Nothing of another period is of use. */
const begin = (holding: Holding, startMs: number, endMs: number): void => {
  holding.startMs = startMs
  holding.endMs = endMs
  holding.left = 0
  holding.lowWater = -1
  holding.used = 0
  holding.back = 0
  holding.refusal = undefined
}

const isForgettable = ({ idleFlushes, left, used, back, gathering, running }: Holding): boolean =>
  idleFlushes >= IDLE_FLUSHES_MAX && left === 0 && used === 0 && back === 0 && !gathering && !running
