import type { KV, KvEntry } from '@nats-io/kv'
import { followBucket } from '@votestream/infra/followed-bucket'
import type { Logger } from '@votestream/infra/logging'
import {
  API_KEY_LENGTH_MAX,
  API_KEYS_MAX,
  type ApiKeyRecord,
  apiKeyIdOf,
  decodeApiKey,
  hashApiKey,
  isApiKeyKey,
} from '@votestream/schema/api-key-record'
import { VotestreamError } from '@votestream/schema/errors'
import type { VoterNumber } from '@votestream/schema/numbers'
import { decodePlan, isPlanKey, PLANS_MAX, type PlanRecord, planNameOf } from '@votestream/schema/usage-plan'
import { LRUCache } from 'lru-cache'
import type { ApiKey, ApiKeys } from './api-key.js'
import { type KeyMetrics, NO_KEY_METRICS } from './key-metrics.js'

/** The keys and their plans, in memory, kept current by watching their bucket. */
export interface WatchedApiKeys extends ApiKeys {
  /** Those that are not revoked, with their plans; the newest first, 100 at most. */
  ownedBy(voter: VoterNumber): OwnedKey[]
  /** By its id; undefined where it is not valid any more. */
  find(id: string): OwnedKey | undefined
  stop(): void
}

export interface OwnedKey {
  readonly record: ApiKeyRecord
  readonly plan: PlanRecord
}

interface ApiKeysOptions {
  readonly bucket: KV
  /** Whether a request without a key is refused. */
  readonly required: boolean
  /** The broker's clock: replaced secrets end by it. */
  readonly now: () => number
  readonly logger: Logger
  readonly metrics?: KeyMetrics
}

/** Texts whose hash is remembered; only of keys that there are, so nobody pushes them out with what is none. */
const TEXTS_MAX = 10_000
const OWNED_MAX = 100

interface Secret {
  readonly key: ApiKey
  readonly validUntilMs: number
}

/** Resolves when every key that there is has been seen. While the broker is away what was known last holds. */
export const watchApiKeys = async (options: ApiKeysOptions): Promise<WatchedApiKeys> => {
  const { bucket, required, now, logger, metrics = NO_KEY_METRICS } = options
  const book = createBook(logger)
  const hashes = new LRUCache<string, string>({ max: TEXTS_MAX })
  const watch = await followBucket({ bucket, what: 'API keys', logger, onEntry: book.learn })

  const secretOf = (text: string): Secret | undefined => {
    const remembered = hashes.get(text)
    if (remembered !== undefined) return book.secrets.get(remembered)
    if (text.length > API_KEY_LENGTH_MAX) return undefined
    const sha256 = hashApiKey(text)
    const secret = book.secrets.get(sha256)
    if (secret) hashes.set(text, sha256)
    return secret
  }

  return {
    identify(header) {
      if (header === undefined) {
        if (!required) return undefined
        metrics.count(undefined, 'missing')
        throw new VotestreamError('API_KEY_REQUIRED')
      }
      const secret = typeof header === 'string' ? secretOf(header) : undefined
      if (secret && now() < secret.validUntilMs) return secret.key
      // Also where none is required: a key that was revoked must not open more than it did before.
      metrics.count(secret?.key.plan.name, 'invalid')
      throw new VotestreamError('API_KEY_INVALID')
    },
    ownedBy(voter) {
      const owned: OwnedKey[] = []
      for (const record of book.records.values()) {
        const key =
          record.owner.kind === 'user' && record.owner.voter === voter ? book.find(record) : undefined
        if (key) owned.push(key)
      }
      return owned.sort((a, b) => b.record.createdAtMs - a.record.createdAtMs).slice(0, OWNED_MAX)
    },
    find: (id) => book.find(book.records.get(id)),
    stop: watch.stop,
  }
}

/** What follows from the records. Keys of a plan that is not known are not valid. */
const createBook = (logger: Logger) => {
  const plans = new Map<string, PlanRecord>()
  const records = new Map<string, ApiKeyRecord>()
  const secrets = new Map<string, Secret>()

  const forget = (record: ApiKeyRecord | undefined): void => {
    for (const { sha256 } of record?.secrets ?? []) secrets.delete(sha256)
  }
  const list = (record: ApiKeyRecord): void => {
    const plan = plans.get(record.plan)
    if (!plan || record.revokedAtMs !== null) return
    const { name, ratePerSecond, burst, quota } = plan
    const key: ApiKey = {
      id: record.id,
      plan: { name, ratePerSecond, burst, ...(quota ? { quota } : {}) },
    }
    for (const { sha256, validUntilMs } of record.secrets)
      secrets.set(sha256, { key, validUntilMs: validUntilMs ?? Number.POSITIVE_INFINITY })
  }

  const keepPlan = (name: string, plan: PlanRecord | undefined): void => {
    if (plan) plans.set(name, plan)
    else plans.delete(name)
    for (const record of records.values()) {
      if (record.plan !== name) continue
      forget(record)
      list(record)
    }
  }
  const keepRecord = (id: string, record: ApiKeyRecord | undefined): void => {
    forget(records.get(id))
    records.delete(id)
    if (!record) return
    records.set(id, record)
    list(record)
  }

  const isFull = (known: ReadonlyMap<string, unknown>, name: string, max: number): boolean => {
    // Whoever creates them keeps to the limit, which two at once may pass by one.
    if (known.has(name) || known.size < 2 * max) return false
    logger.error({ name }, 'too many usage plans or API keys: this one is not taken')
    return true
  }

  return {
    records: records as ReadonlyMap<string, ApiKeyRecord>,
    secrets: secrets as ReadonlyMap<string, Secret>,
    /** What a record means with its plan, while it is valid. */
    find(record: ApiKeyRecord | undefined): OwnedKey | undefined {
      const plan = record && record.revokedAtMs === null ? plans.get(record.plan) : undefined
      return record && plan && { record, plan }
    },
    learn(entry: KvEntry): void {
      const { key } = entry
      if (isPlanKey(key)) {
        const name = planNameOf(key)
        if (!isFull(plans, name, PLANS_MAX)) keepPlan(name, read(entry, decodePlan, logger))
      } else if (isApiKeyKey(key)) {
        const id = apiKeyIdOf(key)
        if (!isFull(records, id, API_KEYS_MAX)) keepRecord(id, read(entry, decodeApiKey, logger))
      }
    },
  }
}

const read = <Value>(
  entry: KvEntry,
  decode: (bytes: Uint8Array) => Value,
  logger: Logger,
): Value | undefined => {
  if (entry.operation !== 'PUT') return undefined
  try {
    return decode(entry.value)
  } catch (error) {
    logger.error({ err: error, key: entry.key }, 'a usage plan or an API key cannot be read')
    return undefined
  }
}
