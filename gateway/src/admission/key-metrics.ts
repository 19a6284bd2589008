import { Counter, Gauge, type Registry } from 'prom-client'
import type { ApiKey } from './api-key.js'
import type { Usage } from './quota-decision.js'

/** `unavailable`: the quota could not be asked for. */
export type KeyOutcome = 'admitted' | 'quota_exceeded' | 'unavailable' | 'invalid' | 'missing'

/** What operators see of the keys. */
export interface KeyMetrics {
  /** @param plan undefined where the key is not known. */
  count(plan: string | undefined, outcome: KeyOutcome): void
}

export const NO_KEY_METRICS: KeyMetrics = { count: () => undefined }

/** So many keys have figures of their own: those whose quotas are used most. */
const KEYS_SHOWN_MAX = 100
/** For what names no plan. No plan has this name: it begins with no letter and no digit. */
const NO_PLAN = '-'

/** The names of plans are bounded: see `PLANS_MAX`. Counted by hand, and told when asked: it is on every request's way. */
export const createKeyMetrics = (registry: Registry): KeyMetrics => {
  const counts = new Map<string, Map<KeyOutcome, number>>()
  new Counter({
    registers: [registry],
    name: 'votestream_api_key_requests_total',
    help: 'Requests with an API key, or without one where it is required, by usage plan and by what became of them',
    labelNames: ['plan', 'outcome'],
    collect() {
      this.reset()
      for (const [plan, outcomes] of counts)
        for (const [outcome, count] of outcomes) this.inc({ plan, outcome }, count)
    },
  })
  return {
    count(plan = NO_PLAN, outcome) {
      let outcomes = counts.get(plan)
      if (!outcomes) {
        outcomes = new Map()
        counts.set(plan, outcomes)
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    },
  }
}

/** What the quotas stand at, as this gateway learned last; of the keys that it serves. */
export const watchUsages = (
  registry: Registry,
  usages: () => Iterable<{ readonly key: ApiKey; readonly usage: Usage }>,
): void => {
  new Gauge({
    registers: [registry],
    name: 'votestream_api_key_quota_used_ratio',
    help: `Used share of a key's quota in its current period, of the ${KEYS_SHOWN_MAX} keys at most that used most of theirs`,
    labelNames: ['plan', 'key'],
    // Every process behind one port tells of the same record.
    aggregator: 'max',
    collect() {
      this.reset()
      const shares = [...usages()].map(({ key, usage: { used, remaining } }) => ({
        labels: { plan: key.plan.name, key: key.id },
        share: used / Math.max(1, used + remaining),
      }))
      shares.sort((a, b) => b.share - a.share)
      for (const { labels, share } of shares.slice(0, KEYS_SHOWN_MAX)) this.set(labels, share)
    },
  })
}
