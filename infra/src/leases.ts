import { setTimeout as pause } from 'node:timers/promises'
import { JetStreamApiError } from '@nats-io/jetstream'
import type { KV, KvEntry } from '@nats-io/kv'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { decideLeases } from './lease-decision.js'
import type { Logger } from './logging.js'
import { LEASE_TTL_MS } from './streams.js'

/** How often the situation is looked at; also how late an expired lease is noticed. */
const LOOK_EVERY_MS = 200
const RENEW_EVERY_MS = 1_000
/** Held this long without a renewal, a lease is given up: a little before the broker gives it to another. */
const TRUST_MS = LEASE_TTL_MS - 300
/** Pause before work that failed under a lease is begun again: doubled each time, up to the maximum. */
const RETRY_MS = 100
const RETRY_MAX_MS = 1_000

export interface Leases {
  held(): Shard[]
  /** Ends the work under each lease, then gives it back at once, so that another instance need not wait. */
  stop(): Promise<void>
}

interface LeaseOptions {
  readonly bucket: KV
  /** What the lease is for: `ingest`, `tally`, `archive`. */
  readonly role: string
  /** Unique among the live instances. A process that takes the name of a dead one takes its leases at once. */
  readonly instance: string
  readonly shards: number
  readonly logger: Logger
  /**
   * Runs while the lease is held; ends soon after the signal. When it throws, it is begun again. The lease says
   * only who should work: two may overlap for a moment, and the work must be correct all the same.
   */
  readonly work: (shard: Shard, signal: AbortSignal) => Promise<void>
}

interface Seen {
  readonly owner: string
  readonly revision: number
  readonly seenAtMs: number
}

interface Holding {
  revision: number
  renewedAtMs: number
  readonly abort: AbortController
  readonly done: Promise<void>
}

/** Takes a fair share of a role's leases, renews them, and runs the work of each. */
export const holdLeases = async (options: LeaseOptions): Promise<Leases> => {
  const { bucket, role, instance, shards, logger, work } = options
  const leaseKey = (shard: Shard): string => `${role}.${shard}`
  const memberPrefix = `member.${role}.`
  const seen = new Map<string, Seen>()
  const holdings = new Map<Shard, Holding>()
  let stopping = false
  let wake = new AbortController()

  const notice = (entry: KvEntry): void => {
    if (entry.operation === 'PUT')
      seen.set(entry.key, { owner: entry.string(), revision: entry.revision, seenAtMs: Date.now() })
    else if (seen.delete(entry.key)) wake.abort()
  }

  const watcher = await bucket.watch({ key: [`${role}.*`, `${memberPrefix}*`] })
  const watching = (async () => {
    for await (const entry of watcher) {
      notice(entry)
    }
  })()

  const alive = (key: string): boolean => {
    const entry = seen.get(key)
    if (!entry) return false
    if (Date.now() - entry.seenAtMs < LEASE_TTL_MS) return true
    seen.delete(key)
    return false
  }

  const begin = (shard: Shard, revision: number): void => {
    logger.info({ role, shard }, 'lease taken')
    const abort = new AbortController()
    const done = workUntilAborted(shard, abort.signal)
    holdings.set(shard, { revision, renewedAtMs: Date.now(), abort, done })
  }

  const workUntilAborted = async (shard: Shard, signal: AbortSignal): Promise<void> => {
    for (let retryMs = RETRY_MS; !signal.aborted; retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)) {
      try {
        await work(shard, signal)
        retryMs = RETRY_MS
      } catch (error) {
        if (!signal.aborted)
          logger.error({ err: error, role, shard }, 'work under a lease failed; again soon')
      }
      if (!signal.aborted) await pause(retryMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Ends the work; the lease itself stays whoever's it is. */
  const end = async (shard: Shard, why: string): Promise<Holding | undefined> => {
    const holding = holdings.get(shard)
    if (!holding) return undefined
    logger.info({ role, shard }, why)
    holding.abort.abort()
    await holding.done
    holdings.delete(shard)
    return holding
  }

  const release = async (shard: Shard): Promise<void> => {
    const holding = await end(shard, 'lease given back')
    // When the process dies before this, the lease runs out by itself.
    if (holding)
      await bucket.delete(leaseKey(shard), { previousSeq: holding.revision }).catch(() => undefined)
  }

  const renew = async (shard: Shard, holding: Holding): Promise<void> => {
    try {
      const at = Date.now()
      holding.revision = await bucket.update(leaseKey(shard), instance, holding.revision, RENEW_EVERY_MS)
      holding.renewedAtMs = at
    } catch (error) {
      // Another revision: the lease ran out or is somebody else's. No answer: trust runs out by itself.
      if (error instanceof JetStreamApiError) holding.renewedAtMs = 0
    }
  }

  const take = async (shard: Shard): Promise<void> => {
    const before = seen.get(leaseKey(shard))
    try {
      // A lease in this instance's own name was left by the process before it, and need not run out first.
      const own = before?.owner === instance
      const revision = own
        ? await bucket.update(leaseKey(shard), instance, before.revision)
        : await bucket.create(leaseKey(shard), instance)
      begin(shard, revision)
    } catch {
      // Another instance was faster, or has it still.
    }
  }

  const isTaken = (shard: Shard): boolean =>
    alive(leaseKey(shard)) && seen.get(leaseKey(shard))?.owner !== instance

  const look = async (): Promise<void> => {
    for (const [shard, holding] of holdings) {
      if (Date.now() - holding.renewedAtMs > TRUST_MS) await end(shard, 'lease lost')
    }
    const members = new Set([`${memberPrefix}${instance}`])
    for (const key of [...seen.keys()]) if (key.startsWith(memberPrefix) && alive(key)) members.add(key)
    const decision = decideLeases({
      shards: allShards(shards),
      held: new Set(holdings.keys()),
      taken: new Set(allShards(shards).filter(isTaken)),
      members: members.size,
    })
    await Promise.all([...decision.take.map(take), ...decision.release.map(release)])
  }

  const keepUp = async (): Promise<void> => {
    let renewedAtMs = 0
    while (!stopping) {
      if (Date.now() - renewedAtMs >= RENEW_EVERY_MS) {
        renewedAtMs = Date.now()
        const presence = bucket.put(`${memberPrefix}${instance}`, instance, { timeout: RENEW_EVERY_MS })
        await Promise.all([
          presence.catch(() => undefined),
          ...[...holdings].map(([shard, holding]) => renew(shard, holding)),
        ])
      }
      await look()
      wake = new AbortController()
      if (!stopping) await pause(LOOK_EVERY_MS, undefined, { signal: wake.signal }).catch(() => undefined)
    }
  }
  const running = keepUp()

  return {
    held: () => [...holdings.keys()],
    async stop() {
      stopping = true
      wake.abort()
      await running
      await Promise.all([...holdings.keys()].map(release))
      await bucket.delete(`${memberPrefix}${instance}`).catch(() => undefined)
      watcher.stop()
      await watching
    },
  }
}
