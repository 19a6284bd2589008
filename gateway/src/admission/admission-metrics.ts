import { Counter, type Registry } from 'prom-client'
import { APIS, type Api, type LimitKind } from './limits.js'

/** What operators see of the limits. */
export interface AdmissionMetrics {
  admitted(api: Api): void
  throttled(limit: LimitKind | 'quota'): void
}

const LIMITS = ['service', 'api', 'key', 'user', 'address', 'quota'] as const satisfies readonly (
  | LimitKind
  | 'quota'
)[]

/** Counted in plain numbers, which a counter with labels would cost a vote more than its limits do. */
export const createAdmissionMetrics = (registry: Registry): AdmissionMetrics => {
  const admitted = Object.fromEntries(APIS.map((api) => [api, 0])) as Record<Api, number>
  const throttled = Object.fromEntries(LIMITS.map((limit) => [limit, 0])) as Record<
    (typeof LIMITS)[number],
    number
  >
  const registers = [registry]
  new Counter({
    registers,
    name: 'votestream_admitted_total',
    help: 'Requests that all limits had room for, by how they came in',
    labelNames: ['api'],
    collect() {
      this.reset()
      for (const api of APIS) this.inc({ api }, admitted[api])
    },
  })
  new Counter({
    registers,
    name: 'votestream_throttled_total',
    help: 'Requests that were refused with 429, by the limit that had no room for them',
    labelNames: ['limit'],
    collect() {
      this.reset()
      for (const limit of LIMITS) this.inc({ limit }, throttled[limit])
    },
  })
  return {
    admitted(api) {
      admitted[api] += 1
    },
    throttled(limit) {
      throttled[limit] += 1
    },
  }
}
