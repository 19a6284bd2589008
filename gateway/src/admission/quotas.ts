import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import type { Logger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import pLimit from 'p-limit'
import { unavailable } from '../store.js'
import type { ApiKey, Quotas } from './api-key.js'
import { type KeyMetrics, NO_KEY_METRICS } from './key-metrics.js'
import { exchange, type Usage, type Want } from './quota-decision.js'
import {
  drawReport,
  drawWant,
  expectNext,
  giveBack,
  hasReport,
  isForgettable,
  keepReport,
  learnUsage,
  newHolding,
  type QuotaHolding,
  rest,
  settle,
  takeAtHand,
} from './quota-holding.js'
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
/** How long a request waits for its turn. */
const WAIT_MS = 2_000
const STOP_MS = 1_500

/**
 * Quotas that hold over all gateways: see `quota-decision`. While the broker is away what was taken before is let
 * through, then nothing: STORE_UNAVAILABLE.
 */
export const createQuotas = (options: QuotasOptions): SharedQuotas => {
  const { logger, metrics = NO_KEY_METRICS, flushEveryMs = FLUSH_EVERY_MS } = options
  // At most one for each key that there is.
  const desks = new Map<string, Desk>()
  const stopped = new AbortController()

  const deskOf = (key: ApiKey): Desk => {
    const known = desks.get(key.id)
    if (known) {
      // Its plan may have changed.
      known.holding.key = key
      return known
    }
    const desk = createDesk(newHolding(key), options)
    desks.set(key.id, desk)
    return desk
  }

  const ask = async ({ holding, take, next }: Desk, cost: number): Promise<number | undefined> => {
    const deadlineMs = performance.now() + WAIT_MS
    try {
      do {
        await next(cost)
        const answer = take(cost)
        if (answer !== 'ask') return count(holding, answer)
      } while (performance.now() < deadlineMs)
      throw unavailable()
    } catch (error) {
      metrics.count(holding.key.plan.name, 'unavailable')
      if (error instanceof VotestreamError) throw error
      logger.error({ err: error, key: holding.key.id }, 'a quota cannot be counted')
      throw unavailable(error)
    }
  }
  const count = ({ key }: QuotaHolding, answer: number | undefined): number | undefined => {
    metrics.count(key.plan.name, answer === undefined ? 'admitted' : 'quota_exceeded')
    return answer
  }

  const limit = pLimit(FLUSHES_AT_ONCE)
  const flushAll = (prepare: (holding: QuotaHolding) => void): Promise<unknown> =>
    limit.map([...desks.values()], ({ holding, tell }) => {
      prepare(holding)
      return tell()
    })
  const flushing = (async () => {
    for (;;) {
      await pause(flushEveryMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined)
      if (stopped.signal.aborted) return
      await flushAll(rest)
      for (const [id, { holding, busy }] of desks) if (!busy() && isForgettable(holding)) desks.delete(id)
    }
  })()

  return {
    take(key, cost) {
      if (!key.plan.quota) {
        metrics.count(key.plan.name, 'admitted')
        return undefined
      }
      const desk = deskOf(key)
      const answer = desk.take(cost)
      return answer === 'ask' ? ask(desk, cost) : count(desk.holding, answer)
    },
    *usages() {
      for (const { holding } of desks.values())
        if (holding.usage) yield { key: holding.key, usage: holding.usage }
    },
    async stop() {
      stopped.abort()
      const given = flushing.then(() => flushAll((holding) => giveBack(holding, 0)))
      await Promise.race([given, pause(STOP_MS, undefined, { ref: false })])
    },
  }
}

/** Where one key's quota is taken from, one exchange after the other. */
interface Desk {
  readonly holding: QuotaHolding
  take(cost: number): ReturnType<typeof takeAtHand>
  /** Resolves after an exchange that knew of this cost. */
  next(cost: number): Promise<void>
  /** Reports what there is to report; later, where that fails. */
  tell(): Promise<void>
  busy(): boolean
}

const NOTHING: Want = { needed: 0, atLeast: 0, ahead: 0 }

const createDesk = (holding: QuotaHolding, { ledger, now, logger }: QuotasOptions): Desk => {
  let gathering: Promise<void> | undefined
  let running: Promise<void> | undefined

  const run = (want: Want): Promise<void> => {
    running = trade(ledger, holding, want, now).finally(() => {
      running = undefined
    })
    return running
  }
  const gather = async (): Promise<void> => {
    await running?.catch(() => undefined)
    // Those who waited for the one before find themselves together in this one.
    await turn()
    gathering = undefined
    await run(drawWant(holding))
  }
  const next = (cost: number): Promise<void> => {
    expectNext(holding, cost)
    // The one under way knows nothing of this cost.
    gathering ??= gather()
    return gathering
  }

  return {
    holding,
    next,
    busy: () => gathering !== undefined || running !== undefined,
    take(cost) {
      const answer = takeAtHand(holding, cost, now())
      if (answer === undefined && holding.left <= holding.lowWater && !gathering && !running)
        // It is fetched for nobody yet: who needs it asks again.
        next(0).catch(() => undefined)
      return answer
    },
    async tell() {
      try {
        if (gathering) await gathering
        if (running) await running
        if (hasReport(holding)) await run(NOTHING)
      } catch (error) {
        logger.debug({ err: error, key: holding.key.id }, 'what was used of a quota is told later')
      }
    },
  }
}

/** Gateways that write at the same time try again; each time one of them succeeds. */
const ATTEMPTS_MAX = 50
const BACK_OFF_MS = 5

/**
 * 1. The report leaves this memory. Dying here: what was held counts as used.
 * 2. The record is written. Dying here, or not learning whether it was: as above, and what it granted counts as used.
 * 3. What was granted may be let through.
 *
 * @throws VotestreamError STORE_UNAVAILABLE
 */
const trade = async (
  ledger: QuotaLedger,
  holding: QuotaHolding,
  want: Want,
  now: () => number,
): Promise<void> => {
  const { id, plan } = holding.key
  const { quota, ratePerSecond } = plan
  if (!quota) return
  const report = drawReport(holding)
  for (let attempts = 0; attempts < ATTEMPTS_MAX; attempts += 1) {
    const stored = await ledger.read(id).catch((error: unknown) => {
      keepReport(holding, report)
      throw error
    })
    const traded = exchange({ record: stored?.record, quota, ratePerSecond, nowMs: now(), report, want })
    const { record, granted } = traded
    if (!record || (await ledger.write(id, record, stored?.revision))) {
      const nowMs = now()
      settle(holding, traded, want, nowMs)
      const standing = record ? { record, writtenAtMs: nowMs } : stored
      learnUsage(holding, standing, want.needed > 0 && granted === 0 ? want : undefined, nowMs)
      return
    }
    await pause(Math.random() * BACK_OFF_MS)
  }
  keepReport(holding, report)
  throw unavailable()
}
