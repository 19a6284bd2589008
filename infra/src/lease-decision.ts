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

interface SuccessionView extends Pick<LeaseView, 'shards' | 'held' | 'members'> {
  /** Who holds what, as far as is known here; leases that ran out are left out. */
  readonly owners: ReadonlyMap<Shard, string>
  /** Instances that have said goodbye: all that they hold is about to be handed over. */
  readonly leaving: ReadonlySet<string>
}

/**
 * Which leases an instance may expect soon: those of who leaves, and what others hold above their share. Two
 * instances may expect the same one; which of them gets it is settled when it is free.
 */
export const decideSuccession = ({ shards, held, members, owners, leaving }: SuccessionView): Shard[] => {
  const theirs = new Map<string, Set<Shard>>()
  for (const [shard, owner] of owners) {
    if (!held.has(shard)) theirs.set(owner, (theirs.get(owner) ?? new Set()).add(shard))
  }
  const expected = [...theirs].flatMap(([owner, own]) =>
    leaving.has(owner) ? [...own] : decideLeases({ shards, held: own, taken: new Set(), members }).release,
  )
  const share = Math.ceil(shards.length / Math.max(1, members))
  return expected.sort((a, b) => a - b).slice(0, Math.max(0, share - held.size))
}
