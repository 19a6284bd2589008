import type { Shard } from '@votestream/schema/numbers'

interface LeaseView {
  /** Every shard of the system. */
  readonly shards: readonly Shard[]
  /** Shards whose lease this instance holds. */
  readonly held: ReadonlySet<Shard>
  /** Shards whose lease somebody else holds, as far as is known here. */
  readonly taken: ReadonlySet<Shard>
  /** Instances that are alive, this one included. */
  readonly members: number
}

interface LeaseDecision {
  readonly take: readonly Shard[]
  readonly release: readonly Shard[]
}

/**
 * Which leases an instance should try to take, and which to hand over, so that all are taken and spread evenly:
 * nobody keeps more than the rounded-up share, and the shares together cover every shard.
 */
export const decideLeases = ({ shards, held, taken, members }: LeaseView): LeaseDecision => {
  const share = Math.ceil(shards.length / Math.max(1, members))
  const free = shards.filter((shard) => !held.has(shard) && !taken.has(shard))
  return {
    take: free.slice(0, Math.max(0, share - held.size)),
    release: [...held].sort((a, b) => b - a).slice(0, Math.max(0, held.size - share)),
  }
}
