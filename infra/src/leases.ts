import { setTimeout as pause } from 'node:timers/promises'
import { JetStreamApiError } from '@nats-io/jetstream'
import type { KV, KvEntry } from '@nats-io/kv'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { decideLeases, decideSuccession } from './lease-decision.js'
import { createHandover, readyPattern } from './lease-handover.js'
import type { Logger } from './logging.js'
import { type LeaseMetrics, NO_LEASE_METRICS } from './metrics/leases.js'
import { LEASE_TTL_MS } from './streams.js'

/** How often the situation is looked at; also how late an expired lease is noticed. */
const LOOK_EVERY_MS = 200
export const RENEW_EVERY_MS = 1_000
/** Held this long without a renewal, a lease is given up: a little before the broker gives it to another. */
export const TRUST_MS = LEASE_TTL_MS - 300
/** Pause before work that failed under a lease is begun again: doubled each time, up to the maximum. */
const RETRY_MS = 100
const RETRY_MAX_MS = 1_000

/** A broker that is away is not waited for longer than this: what was not given back runs out. */
const GIVE_BACK_MS = 500
/** Nor is work that waits for the broker. It is cut off with the process, as if that had died. */
const STOP_MS = 3_000

/** Where a lease stands in the bucket. */
export const leaseKey = (role: string, shard: Shard): string => `${role}.${shard}`

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
  readonly metrics?: LeaseMetrics
  /**
   * Runs while the lease is held; ends soon after the signal. When it throws, it is begun again. The lease says
   * only who should work: two may overlap for a moment, and the work must be correct all the same.
   */
  readonly work: (shard: Shard, signal: AbortSignal) => Promise<void>
  /**
   * Learns what the work will need, before the lease comes: in an orderly change the instance that has it goes on
   * meanwhile. Without it, nobody waits for anything.
   */
  readonly prepare?: (shard: Shard) => Promise<void>
}

interface Seen {
  readonly owner: string
  readonly revision: number
  /** By the broker's clock. */
  readonly storedAtMs: number
}

interface Holding {
  revision: number
  renewedAtMs: number
  /** The renewal that is under way, or the last one. */
  renewal: Promise<void>
  readonly abort: AbortController
  readonly done: Promise<void>
}

/** What is asked of a broker that goes away is answered never: it is asked again, not waited for. */
const answered = async <Answer>(asked: Promise<Answer>): Promise<Answer> => {
  const waited = new AbortController()
  const late = pause(RENEW_EVERY_MS, undefined, { signal: waited.signal }).then(() => {
    throw new Error('the broker did not answer')
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    late.catch(() => undefined)
    waited.abort()
  }
}

/** Takes a fair share of a role's leases, renews them, and runs the work of each. */
export const holdLeases = async (options: LeaseOptions): Promise<Leases> => {
  const { bucket, role, instance, shards, logger, work, metrics = NO_LEASE_METRICS } = options
  const memberPrefix = `member.${role}.`
  const seen = new Map<string, Seen>()
  const holdings = new Map<Shard, Holding>()
  // What takes its time is not waited for: meanwhile the other leases must be renewed.
  const taking = new Map<Shard, Promise<void>>()
  const ending = new Map<Shard, Promise<void>>()
  let stopping = false
  let wake = new AbortController()
  // How far the broker's clock is ahead of ours, which never goes back. An entry that was just stored tells
  // best, and this instance's own presence is one: so a lease is as old as it is, also for whoever began later.
  let aheadMs = Number.NEGATIVE_INFINITY

  const leaving = new Set<string>()
  const { prepare } = options
  const handover =
    prepare && createHandover({ bucket, role, instance, logger, prepare, onReady: () => wake.abort() })

  const notice = (entry: KvEntry): void => {
    if (handover?.notice(entry)) return
    const storedAtMs = entry.created.getTime()
    aheadMs = Math.max(aheadMs, storedAtMs - performance.now())
    if (entry.operation === 'PUT') {
      const owner = entry.string()
      seen.set(entry.key, { owner, revision: entry.revision, storedAtMs })
      if (entry.key.startsWith(memberPrefix)) leaving.delete(owner)
      if (owner !== instance) yieldTo(entry)
    } else if (seen.delete(entry.key)) {
      if (entry.key.startsWith(memberPrefix)) leaving.add(entry.key.slice(memberPrefix.length))
      wake.abort()
    }
  }

  /** Whoever seizes a lease writes it over: its holder need not wait until its renewal is refused. */
  const yieldTo = ({ key, revision }: KvEntry): void => {
    for (const [shard, holding] of holdings) {
      if (leaseKey(role, shard) !== key || revision <= holding.revision) continue
      holding.renewedAtMs = Number.NEGATIVE_INFINITY
      wake.abort()
    }
  }

  const watch = () => bucket.watch({ key: [`${role}.*`, `${memberPrefix}*`, readyPattern(role)] })
  let watcher = await watch()
  /** After a watch that ended by itself. A new one begins with every lease as it stands, so nothing is missed. */
  const watchAgain = async (): Promise<void> => {
    while (!stopping) {
      await pause(LOOK_EVERY_MS)
      const next = await watch().catch(() => undefined)
      if (!next) continue
      watcher = next
      if (stopping) watcher.stop()
      return
    }
  }
  const watching = (async () => {
    while (!stopping) {
      for await (const entry of watcher) notice(entry)
      await watchAgain()
    }
  })()

  const alive = (key: string): boolean => {
    const entry = seen.get(key)
    if (!entry) return false
    return performance.now() + aheadMs - entry.storedAtMs < LEASE_TTL_MS
  }

  const begin = (shard: Shard, revision: number): void => {
    logger.info({ role, shard }, 'lease taken')
    metrics.changed(role, shard, 'taken')
    handover?.taken(shard)
    const abort = new AbortController()
    const done = workUntilAborted(shard, abort.signal)
    const renewedAtMs = performance.now()
    holdings.set(shard, { revision, renewedAtMs, renewal: Promise.resolve(), abort, done })
  }

  const workUntilAborted = async (shard: Shard, signal: AbortSignal): Promise<void> => {
    for (let retryMs = RETRY_MS; !signal.aborted; retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)) {
      const beganMs = performance.now()
      try {
        await work(shard, signal)
      } catch (error) {
        if (!signal.aborted)
          logger.error({ err: error, role, shard }, 'work under a lease failed; again soon')
      }
      if (performance.now() - beganMs > RETRY_MAX_MS) retryMs = RETRY_MS
      if (!signal.aborted) await pause(retryMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** @returns whether the broker took it. */
  const giveBack = async (key: string, options?: { previousSeq: number }): Promise<boolean> => {
    const deleted = bucket.delete(key, options).then(
      () => true,
      () => false,
    )
    return Promise.race([deleted, pause(GIVE_BACK_MS, false, { ref: false })])
  }

  /** Ends the work, once; then gives the lease back, unless it is somebody else's by now. */
  const end = (shard: Shard, holding: Holding, why: 'lease given back' | 'lease lost'): Promise<void> => {
    const endWork = async (): Promise<void> => {
      logger.info({ role, shard }, why)
      metrics.changed(role, shard, why === 'lease lost' ? 'lost' : 'given_back')
      holding.abort.abort()
      await holding.done
      holdings.delete(shard)
      await holding.renewal
      // When the process dies before this, the lease runs out by itself.
      if (why === 'lease given back') await giveBack(leaseKey(role, shard), { previousSeq: holding.revision })
      ending.delete(shard)
    }
    const ended = ending.get(shard) ?? endWork()
    ending.set(shard, ended)
    return ended
  }

  const renew = async (shard: Shard, holding: Holding): Promise<void> => {
    const key = leaseKey(role, shard)
    const known = seen.get(key)
    // A renewal whose answer was lost is known by the watch.
    if (known?.owner === instance) holding.revision = Math.max(holding.revision, known.revision)
    try {
      const at = performance.now()
      holding.revision = await bucket.update(key, instance, holding.revision, RENEW_EVERY_MS)
      holding.renewedAtMs = at
    } catch (error) {
      // Another revision: the lease ran out or is somebody else's. No answer: trust runs out by itself.
      if (error instanceof JetStreamApiError) holding.renewedAtMs = Number.NEGATIVE_INFINITY
    }
  }

  const take = async (shard: Shard): Promise<void> => {
    const key = leaseKey(role, shard)
    const before = seen.get(key)
    try {
      // The broker may take a second longer to forget an entry than its time says: it is replaced as it stands,
      // unless its owner or another instance was faster. One in this instance's own name was left by the process
      // before it, and need not run out first.
      const revision =
        before && (await answered(bucket.update(key, instance, before.revision)).catch(() => undefined))
      if (before && !revision && seen.get(key) === before) seen.delete(key)
      const taken = revision ?? (await answered(bucket.create(key, instance)))
      // What comes after the stop has given up waiting for it runs out unused.
      if (!stopping) begin(shard, taken)
      else await giveBack(key, { previousSeq: taken })
    } catch {
      // Another instance was faster, or has it still; or the broker did not answer: then the lease may stand in this
      // instance's name, and is taken as it stands.
    }
    taking.delete(shard)
  }

  const isTaken = (shard: Shard): boolean =>
    ending.has(shard) || (alive(leaseKey(role, shard)) && seen.get(leaseKey(role, shard))?.owner !== instance)

  /** The keys of the instances that are alive, this one included. */
  const livingMembers = (): Set<string> => {
    const members = new Set([`${memberPrefix}${instance}`])
    for (const key of [...seen.keys()].filter((name) => name.startsWith(memberPrefix))) {
      if (alive(key)) members.add(key)
      else seen.delete(key)
    }
    return members
  }

  /** Leases of others that seem to be on their way here. Whoever seizes one is no instance, and gives it back to none. */
  const expected = (held: ReadonlySet<Shard>, members: ReadonlySet<string>): Shard[] => {
    const owners = new Map<Shard, string>()
    for (const shard of allShards(shards)) {
      const lease = seen.get(leaseKey(role, shard))
      if (!lease || lease.owner === instance || !isTaken(shard)) continue
      if (leaving.has(lease.owner) || members.has(`${memberPrefix}${lease.owner}`))
        owners.set(shard, lease.owner)
    }
    for (const name of leaving) if (![...owners.values()].includes(name)) leaving.delete(name)
    return decideSuccession({ shards: allShards(shards), held, members: members.size, owners, leaving })
  }

  const look = (): void => {
    for (const [shard, holding] of holdings) {
      if (performance.now() - holding.renewedAtMs > TRUST_MS) void end(shard, holding, 'lease lost')
    }
    const members = livingMembers()
    const held = new Set([...holdings.keys(), ...taking.keys()].filter((shard) => !ending.has(shard)))
    const decision = decideLeases({
      shards: allShards(shards),
      held,
      taken: new Set(allShards(shards).filter(isTaken)),
      members: members.size,
    })
    for (const shard of decision.take) taking.set(shard, take(shard))
    handover?.prepare(expected(held, members))
    for (const shard of decision.release) {
      const holding = holdings.get(shard)
      if (holding && (handover?.mayGo(shard) ?? true)) void end(shard, holding, 'lease given back')
    }
  }

  const keepUp = async (): Promise<void> => {
    let renewedAtMs = Number.NEGATIVE_INFINITY
    while (!stopping) {
      // Before the look: what is noticed while it is under way wakes too.
      wake = new AbortController()
      if (performance.now() - renewedAtMs >= RENEW_EVERY_MS) {
        renewedAtMs = performance.now()
        const presence = bucket.put(`${memberPrefix}${instance}`, instance, { timeout: RENEW_EVERY_MS })
        for (const [shard, holding] of holdings) holding.renewal = renew(shard, holding)
        await Promise.all([
          presence.catch(() => undefined),
          ...[...holdings.values()].map(({ renewal }) => renewal),
        ])
      }
      look()
      if (!stopping) await pause(LOOK_EVERY_MS, undefined, { signal: wake.signal }).catch(() => undefined)
    }
  }
  const running = keepUp()

  return {
    held: () => [...holdings.keys()],
    async stop() {
      stopping = true
      wake.abort()
      const ended = async (): Promise<void> => {
        await running
        await Promise.all(taking.values())
        // The presence goes first: the others' share then has room for the leases that follow.
        const told = await giveBack(`${memberPrefix}${instance}`)
        const followed = told && livingMembers().size > 1
        await Promise.all(
          [...holdings].map(async ([shard, holding]) => {
            // Nobody renews any more, but the lease lasts longer than this wait.
            if (followed) await handover?.untilMayGo(shard)
            await end(shard, holding, 'lease given back')
          }),
        )
        await Promise.all(ending.values())
      }
      await Promise.race([ended(), pause(STOP_MS, undefined, { ref: false })])
      watcher.stop()
      await watching
    },
  }
}
