import { setTimeout as pause } from 'node:timers/promises'
import { Gauge, type Registry } from 'prom-client'
import { LATENCY_BUCKETS_SECONDS } from '../latency-buckets.js'
import { createHistograms } from './histograms.js'

export const STORES = ['nats', 'redis', 'clickhouse'] as const
export type Store = (typeof STORES)[number]

/** One question to each store that a process uses; it fails where the store does not answer. */
export type StoreProbes = Readonly<Partial<Record<Store, () => Promise<unknown>>>>

interface StoreHealthOptions {
  readonly registry: Registry
  readonly probes: StoreProbes
  readonly everyMs?: number
  /** Who has not answered by then is taken for away. */
  readonly patienceMs?: number
}

const EVERY_MS = 2_000
const PATIENCE_MS = 1_000

/** Asks the stores now and then whether they are there, one question at a time each. @returns how to stop. */
export const watchStores = ({
  registry,
  probes,
  everyMs = EVERY_MS,
  patienceMs = PATIENCE_MS,
}: StoreHealthOptions): (() => void) => {
  const stores = STORES.filter((store) => probes[store])
  const up = new Gauge({
    registers: [registry],
    name: 'votestream_store_up',
    help: '1 while a store answers this process, 0 while it does not',
    labelNames: ['store'],
    // Of several workers, one that is cut off is to be seen.
    aggregator: 'min',
  })
  const roundTrips = createHistograms(
    {
      registry,
      name: 'votestream_store_round_trip_seconds',
      help: 'How long a store took to answer the smallest question; those that got no answer are not in it',
      buckets: LATENCY_BUCKETS_SECONDS,
    },
    'store',
    stores,
  )
  const ended = new AbortController()

  /** A question that has no answer yet is not asked again: those that hang would take every connection to the store. */
  const open = new Map<Store, Promise<unknown>>()
  const answerOf = (store: Store): Promise<unknown> => {
    const before = open.get(store)
    if (before) return before
    const answer = Promise.resolve(probes[store]?.()).finally(() => open.delete(store))
    open.set(store, answer)
    return answer
  }

  const ask = async (store: Store): Promise<void> => {
    const beganMs = performance.now()
    const waited = new AbortController()
    const late = pause(patienceMs, undefined, { signal: waited.signal }).then(() => {
      throw new Error(`${store} did not answer`)
    })
    try {
      await Promise.race([answerOf(store), late])
      roundTrips[store].observe((performance.now() - beganMs) / 1_000)
      up.set({ store }, 1)
    } catch {
      up.set({ store }, 0)
    } finally {
      late.catch(() => undefined)
      waited.abort()
    }
  }
  const follow = async (store: Store): Promise<void> => {
    while (!ended.signal.aborted) {
      await ask(store)
      await pause(everyMs, undefined, { signal: ended.signal, ref: false }).catch(() => undefined)
    }
  }
  for (const store of stores) void follow(store)
  return () => ended.abort()
}
