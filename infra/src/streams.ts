import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { nanos } from '@nats-io/nats-core'
import { allShards, type Shard } from '@votestream/schema/numbers'
import {
  ACCOUNTS_BUCKET,
  CREDENTIALS_BUCKET,
  EVENTS_BUCKET,
  LEASES_BUCKET,
  OPERATIONS_BUCKET,
  QUOTAS_BUCKET,
  REVOCATIONS_BUCKET,
  SHARDS_METADATA,
  USAGE_PLANS_BUCKET,
  voteStream,
  voteSubject,
} from '@votestream/schema/subjects'
import type { Nats } from './nats.js'

/** How long the broker knows a batch again by its message id: far longer than any resend. */
const DUPLICATE_WINDOW_MS = 120_000
/** A lease that is not renewed is free after this. */
export const LEASE_TTL_MS = 3_000

const STREAM_NOT_FOUND = 10059

interface StreamOptions {
  readonly shards: number
  readonly replicas: number
}

/**
 * Makes the streams of the vote log where they are missing. Made twice, they are the same.
 * @throws Error when they exist for another number of shards: a voter's shard would change.
 */
export const ensureVoteStreams = async (nats: Nats, { shards, replicas }: StreamOptions): Promise<void> => {
  for (const shard of allShards(shards)) {
    const found = await voteStreamShards(nats, shard)
    if (found === undefined) await addVoteStream(nats, shard, { shards, replicas })
    else if (found !== String(shards)) {
      throw new Error(`SHARDS is ${shards}, but the vote log was made for ${found} shards`)
    }
  }
}

const voteStreamShards = async (nats: Nats, shard: Shard): Promise<string | undefined> => {
  try {
    const { config } = await nats.jsm.streams.info(voteStream(shard))
    return config.metadata?.[SHARDS_METADATA] ?? 'an unknown number of'
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return undefined
    throw error
  }
}

const addVoteStream = async (
  nats: Nats,
  shard: Shard,
  { shards, replicas }: StreamOptions,
): Promise<void> => {
  await nats.jsm.streams.add({
    name: voteStream(shard),
    subjects: [voteSubject(shard)],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    // A full stream refuses votes loudly; it never forgets one.
    discard: DiscardPolicy.New,
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    deny_delete: true,
    allow_direct: true,
    num_replicas: replicas,
    metadata: { [SHARDS_METADATA]: String(shards) },
  })
}

export interface Buckets {
  readonly accounts: KV
  readonly credentials: KV
  readonly events: KV
}

/** The buckets of people and events, made where they are missing. They keep the latest value of each key. */
export const openBuckets = async (nats: Nats, replicas: number): Promise<Buckets> => {
  const kvm = new Kvm(nats.js)
  const options = { history: 1, replicas, storage: StorageType.File }
  return {
    accounts: await kvm.create(ACCOUNTS_BUCKET, options),
    credentials: await kvm.create(CREDENTIALS_BUCKET, options),
    events: await kvm.create(EVENTS_BUCKET, options),
  }
}

/** The catalog alone, for the services that only read it. */
export const openEventsBucket = async (nats: Nats, replicas: number): Promise<KV> =>
  new Kvm(nats.js).create(EVENTS_BUCKET, { history: 1, replicas, storage: StorageType.File })

export interface PlanBuckets {
  readonly usagePlans: KV
  readonly quotas: KV
}

/** Usage plans, keys, and what is left of their quotas, made where they are missing. On disk: a quota survives restarts. */
export const openPlanBuckets = async (nats: Nats, replicas: number): Promise<PlanBuckets> => {
  const kvm = new Kvm(nats.js)
  const options = { history: 1, replicas, storage: StorageType.File }
  return {
    usagePlans: await kvm.create(USAGE_PLANS_BUCKET, options),
    quotas: await kvm.create(QUOTAS_BUCKET, options),
  }
}

/** Tokens that were taken back, made where it is missing. */
export const openRevocationsBucket = async (nats: Nats, replicas: number): Promise<KV> =>
  new Kvm(nats.js).create(REVOCATIONS_BUCKET, { history: 1, replicas, storage: StorageType.File })

/** Operations that were registered, made where it is missing. */
export const openOperationsBucket = async (nats: Nats, replicas: number): Promise<KV> =>
  new Kvm(nats.js).create(OPERATIONS_BUCKET, { history: 1, replicas, storage: StorageType.File })

/** On disk, although losing every lease would only cost a moment: a bucket in memory is gone with its server. */
export const openLeasesBucket = async (nats: Nats, replicas: number): Promise<KV> =>
  new Kvm(nats.js).create(LEASES_BUCKET, {
    history: 1,
    replicas,
    storage: StorageType.File,
    ttl: LEASE_TTL_MS,
  })
