import { decideLeases } from '@votestream/infra/lease-decision'
import type { Shard } from '@votestream/schema/numbers'
import { allShards } from '@votestream/schema/numbers'
import type { Kernel } from './kernel.js'
import { type OwnerLane, startOwnerLane } from './owner-lane.js'
import { createProcess, type Process } from './process.js'
import type { World } from './world.js'

interface Lease {
  readonly owner: string
  readonly revision: number
  readonly storedAtMs: number
}

/** The bucket of leases as the broker keeps it: entries run out by its clock, and are changed by revision. */
export interface LeaseBucket {
  put(key: string, owner: string): void
  /** @param before the revision that is replaced; 0: none. @returns the new one, or 0: another one stands there. */
  swap(key: string, owner: string, before: number): number
  drop(key: string, revision: number): void
  isLive(key: string): boolean
  /** How many entries whose key begins so are live. */
  liveCount(prefix: string): number
}

const TTL_MS = 3_000
const TRUST_MS = TTL_MS - 300
const LOOK_EVERY_MS = 200
const RENEW_EVERY_MS = 1_000
const RETRY_MS = 100

export const createLeaseBucket = (kernel: Kernel): LeaseBucket => {
  const entries = new Map<string, Lease>()
  let revisions = 0
  const liveAt = (key: string): Lease | undefined => {
    const entry = entries.get(key)
    return entry && kernel.now() - entry.storedAtMs < TTL_MS ? entry : undefined
  }
  const put = (key: string, owner: string): number => {
    revisions += 1
    entries.set(key, { owner, revision: revisions, storedAtMs: kernel.now() })
    return revisions
  }
  return {
    put,
    swap: (key, owner, before) => ((liveAt(key)?.revision ?? 0) === before ? put(key, owner) : 0),
    drop(key, revision) {
      if (liveAt(key)?.revision === revision) entries.delete(key)
    },
    isLive: (key) => liveAt(key) !== undefined,
    liveCount(prefix) {
      let count = 0
      for (const key of entries.keys()) if (key.startsWith(prefix) && liveAt(key)) count += 1
      return count
    },
  }
}

interface Holding {
  revision: number
  renewedAtMs: number
  lane: OwnerLane | undefined
  ending: boolean
}

/** An ingest process: takes its share of the leases, renews them, and owns the shards. */
export const createIngest = (world: World, name: string): Process =>
  createProcess(world.kernel, name, (process) => {
    const { kernel, leases } = world
    const holdings = new Map<Shard, Holding>()
    const taking = new Set<Shard>()
    let renewedAtMs = Number.NEGATIVE_INFINITY
    const shards = allShards(world.shards.length)
    const keyOf = (shard: Shard): string => `ingest.${shard}`

    const work = (shard: Shard, holding: Holding): void => {
      holding.lane = startOwnerLane(world, process, shard, () => {
        holding.lane = undefined
        process.later(RETRY_MS, () => {
          if (holdings.get(shard) === holding && !holding.ending && !holding.lane) work(shard, holding)
        })
      })
    }

    const take = (shard: Shard): void => {
      taking.add(shard)
      process.ask(
        RENEW_EVERY_MS,
        () => leases.swap(keyOf(shard), name, 0),
        (revision) => {
          taking.delete(shard)
          if (!revision) return
          const holding = { revision, renewedAtMs: kernel.now(), lane: undefined, ending: false }
          holdings.set(shard, holding)
          work(shard, holding)
        },
      )
    }

    const giveUp = (shard: Shard, holding: Holding): void => {
      holding.ending = true
      holding.lane?.stop()
      holdings.delete(shard)
    }

    const giveBack = (shard: Shard, holding: Holding): void => {
      if (holding.ending) return
      holding.ending = true
      const ended = (): void => {
        holdings.delete(shard)
        kernel.send(() => leases.drop(keyOf(shard), holding.revision))
      }
      if (holding.lane) holding.lane.drain(ended)
      else ended()
    }

    const renew = (): void => {
      renewedAtMs = kernel.now()
      kernel.send(() => leases.put(`member.${name}`, name))
      for (const [shard, holding] of holdings) {
        const atMs = kernel.now()
        process.ask(
          RENEW_EVERY_MS,
          () => leases.swap(keyOf(shard), name, holding.revision),
          (revision) => {
            if (revision) Object.assign(holding, { revision, renewedAtMs: atMs })
            else if (revision === 0) holding.renewedAtMs = Number.NEGATIVE_INFINITY
          },
        )
      }
    }

    const look = (): void => {
      if (kernel.now() - renewedAtMs >= RENEW_EVERY_MS) renew()
      for (const [shard, holding] of holdings) {
        if (kernel.now() - holding.renewedAtMs > TRUST_MS) giveUp(shard, holding)
      }
      const decision = decideLeases({
        shards,
        held: new Set([...holdings.keys(), ...taking].filter((shard) => !holdings.get(shard)?.ending)),
        taken: new Set(shards.filter((shard) => leases.isLive(keyOf(shard)) || holdings.get(shard)?.ending)),
        members: leases.liveCount('member.') + (leases.isLive(`member.${name}`) ? 0 : 1),
      })
      for (const shard of decision.take) take(shard)
      for (const shard of decision.release) {
        const holding = holdings.get(shard)
        if (holding) giveBack(shard, holding)
      }
      process.later(LOOK_EVERY_MS, look)
    }
    look()
  })

/** Somebody who works on a shard without a lease for a while: the work must be correct all the same. */
export const createIntruder = (world: World, shard: Shard, forMs: number): void => {
  let lane: OwnerLane | undefined
  let over = false
  const intruder = createProcess(world.kernel, 'intruder', (process) => {
    const work = (): void => {
      if (!over) lane = startOwnerLane(world, process, shard, () => process.later(RETRY_MS, work))
    }
    work()
  })
  world.kernel.at(forMs, () => {
    over = true
    intruder.hand(() => lane?.stop())
  })
}
