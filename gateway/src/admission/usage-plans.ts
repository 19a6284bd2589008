import type { KV, KvEntry } from '@nats-io/kv'
import { readBucket } from '@votestream/infra/followed-bucket'
import {
  API_KEY_KEYS,
  API_KEYS_MAX,
  APPLICATION_NAME_LENGTH_MAX,
  type ApiKeyOwner,
  type ApiKeyRecord,
  apiKeyIdFaults,
  apiKeyKey,
  decodeApiKey,
  encodeApiKey,
  hashApiKey,
  newApiKeyId,
  newApiKeyText,
} from '@votestream/schema/api-key-record'
import { type FieldFault, invalidField, VotestreamError } from '@votestream/schema/errors'
import {
  decodePlan,
  encodePlan,
  PLAN_KEYS,
  PLANS_MAX,
  type PlanDraft,
  type PlanRecord,
  planFaults,
  planKey,
  planNameFaults,
} from '@votestream/schema/usage-plan'
import { isConflict, type Store } from '../store.js'

/**
 * What operators do with usage plans and API keys, from the command line as by GraphQL. Every write is over the revision
 * that was read. A gateway knows of it as soon as its watch brings it.
 */
export interface UsagePlans {
  /** @throws VotestreamError INVALID_FIELDS, PLAN_TAKEN, TOO_MANY, STORE_UNAVAILABLE */
  createPlan(draft: PlanDraft): Promise<PlanRecord>
  /** Holds for its keys at once. @throws VotestreamError INVALID_FIELDS, PLAN_NOT_FOUND, STORE_UNAVAILABLE */
  changePlan(draft: PlanDraft): Promise<PlanRecord>
  /** By name. @throws VotestreamError STORE_UNAVAILABLE */
  listPlans(): Promise<PlanRecord[]>
  /** @throws VotestreamError INVALID_FIELDS, PLAN_NOT_FOUND, PLAN_IN_USE, STORE_UNAVAILABLE */
  removePlan(name: string): Promise<void>
  /**
   * @returns the key with its text, which nobody can find out afterwards.
   * @throws VotestreamError INVALID_FIELDS, PLAN_NOT_FOUND, TOO_MANY, STORE_UNAVAILABLE
   */
  createKey(draft: ApiKeyDraft): Promise<IssuedKey>
  /** By id; revoked ones, too. @throws VotestreamError STORE_UNAVAILABLE */
  listKeys(): Promise<ApiKeyRecord[]>
  /**
   * Gives the key another text. The one before is taken for `graceSeconds` longer; the one before that, no more.
   * @throws VotestreamError INVALID_FIELDS, API_KEY_NOT_FOUND, API_KEY_REVOKED, STORE_UNAVAILABLE
   */
  rotateKey(id: string, graceSeconds: number): Promise<IssuedKey>
  /** Once and for all; done twice, it is done. @throws VotestreamError INVALID_FIELDS, API_KEY_NOT_FOUND, STORE_UNAVAILABLE */
  revokeKey(id: string): Promise<ApiKeyRecord>
  /** Makes room. @throws VotestreamError INVALID_FIELDS, API_KEY_NOT_FOUND, API_KEY_IN_USE, STORE_UNAVAILABLE */
  removeKey(id: string): Promise<void>
}

export interface ApiKeyDraft {
  readonly plan: string
  readonly owner: ApiKeyOwner
}

export interface IssuedKey {
  readonly record: ApiKeyRecord
  /** What the client sends as `x-api-key`. */
  readonly text: string
}

interface UsagePlansOptions {
  readonly bucket: KV
  readonly store: Store
  /** The broker's clock. */
  readonly now: () => number
}

/** The longest time for which a replaced text is still taken. */
export const GRACE_MAX_SECONDS = 30 * 86_400
const ATTEMPTS_MAX = 10

export const createUsagePlans = ({ bucket, store, now }: UsagePlansOptions): UsagePlans => {
  const entries = (keys: string): Promise<KvEntry[]> => store(() => readBucket(bucket, keys))
  const listPlans = async (): Promise<PlanRecord[]> => {
    const plans = (await entries(PLAN_KEYS)).map(({ value }) => decodePlan(value))
    return plans.sort((a, b) => (a.name < b.name ? -1 : 1))
  }
  const listKeys = async (): Promise<ApiKeyRecord[]> => {
    const keys = (await entries(API_KEY_KEYS)).map(({ value }) => decodeApiKey(value))
    return keys.sort((a, b) => (a.id < b.id ? -1 : 1))
  }
  const find = async (key: string): Promise<KvEntry | undefined> => {
    const entry = await store(() => bucket.get(key))
    return entry?.operation === 'PUT' ? entry : undefined
  }

  /** Reads, decides, and writes over what was read; again, where somebody was faster. */
  const change = async <Value>(
    key: string,
    step: (entry: KvEntry | undefined) => Change<Value>,
  ): Promise<Value> => {
    for (let attempts = 1; ; attempts += 1) {
      const entry = await find(key)
      const { value, data } = step(entry)
      if (!data) return value
      try {
        await store(async () => {
          if (data === 'remove') await bucket.delete(key, entry ? { previousSeq: entry.revision } : {})
          else if (entry) await bucket.update(key, data, entry.revision)
          else await bucket.create(key, data)
        })
        return value
      } catch (error) {
        if (attempts >= ATTEMPTS_MAX || !isConflict((error as Error).cause)) throw error
      }
    }
  }

  const changeKey = (id: string, step: (record: ApiKeyRecord) => ApiKeyRecord): Promise<ApiKeyRecord> => {
    checkId(id)
    return change(apiKeyKey(id), (entry) => {
      if (!entry) throw new VotestreamError('API_KEY_NOT_FOUND')
      const before = decodeApiKey(entry.value)
      const value = step(before)
      return { value, data: value === before ? undefined : encodeApiKey(value) }
    })
  }

  return {
    listPlans,
    listKeys,
    async createPlan(draft) {
      refuse(planFaults(draft))
      if ((await entries(PLAN_KEYS)).length >= PLANS_MAX) throw new VotestreamError('TOO_MANY')
      return change(planKey(draft.name), (entry) => {
        if (entry) throw new VotestreamError('PLAN_TAKEN')
        const value: PlanRecord = { version: 1, ...planOf(draft), createdAtMs: now() }
        return { value, data: encodePlan(value) }
      })
    },
    async changePlan(draft) {
      refuse(planFaults(draft))
      return change(planKey(draft.name), (entry) => {
        if (!entry) throw new VotestreamError('PLAN_NOT_FOUND')
        const value: PlanRecord = { ...decodePlan(entry.value), ...planOf(draft) }
        return { value, data: encodePlan(value) }
      })
    },
    async removePlan(name) {
      refuse(planNameFaults('name', name))
      // A key that is made of it at this very moment is not valid, and made in vain.
      const keys = await listKeys()
      if (keys.some(({ plan }) => plan === name)) throw new VotestreamError('PLAN_IN_USE')
      await change(planKey(name), (entry) => {
        if (!entry) throw new VotestreamError('PLAN_NOT_FOUND')
        return { value: undefined, data: 'remove' }
      })
    },
    async createKey({ plan, owner }) {
      refuse([...planNameFaults('plan', plan), ...ownerFaults(owner)])
      if (!(await find(planKey(plan)))) throw new VotestreamError('PLAN_NOT_FOUND')
      if ((await entries(API_KEY_KEYS)).length >= API_KEYS_MAX) throw new VotestreamError('TOO_MANY')
      const id = newApiKeyId()
      const text = newApiKeyText(id)
      const record: ApiKeyRecord = {
        ...{ version: 1, id, plan, owner, createdAtMs: now(), revokedAtMs: null },
        secrets: [{ sha256: hashApiKey(text), validUntilMs: null }],
      }
      await store(() => bucket.create(apiKeyKey(id), encodeApiKey(record)))
      return { record, text }
    },
    async rotateKey(id, graceSeconds) {
      if (!(Number.isInteger(graceSeconds) && graceSeconds >= 0 && graceSeconds <= GRACE_MAX_SECONDS))
        throw invalidField('graceSeconds', `must be whole seconds, from 0 to ${GRACE_MAX_SECONDS} (30 days)`)
      const text = newApiKeyText(id)
      const record = await changeKey(id, (before) => {
        if (before.revokedAtMs !== null) throw new VotestreamError('API_KEY_REVOKED')
        const previous = graceSeconds > 0 ? before.secrets.slice(0, 1) : []
        const validUntilMs = now() + graceSeconds * 1_000
        const secrets = [
          { sha256: hashApiKey(text), validUntilMs: null },
          ...previous.map(({ sha256 }) => ({ sha256, validUntilMs })),
        ]
        return { ...before, secrets }
      })
      return { record, text }
    },
    revokeKey: async (id) =>
      changeKey(id, (before) =>
        before.revokedAtMs === null ? { ...before, secrets: [], revokedAtMs: now() } : before,
      ),
    async removeKey(id) {
      checkId(id)
      await change(apiKeyKey(id), (entry) => {
        if (!entry) throw new VotestreamError('API_KEY_NOT_FOUND')
        if (decodeApiKey(entry.value).revokedAtMs === null) throw new VotestreamError('API_KEY_IN_USE')
        return { value: undefined, data: 'remove' }
      })
    },
  }
}

/** Undefined: nothing is to be written. */
interface Change<Value> {
  readonly value: Value
  readonly data: Uint8Array | 'remove' | undefined
}

/** Only what belongs to a plan, whatever else the draft holds. */
const planOf = ({ name, ratePerSecond, burst, quota }: PlanDraft): PlanDraft => ({
  ...{ name, ratePerSecond, burst },
  quota: quota && { limit: quota.limit, period: quota.period },
})

const INVISIBLE = /[\p{C}\p{DI}\p{Zl}\p{Zp}]/u

const ownerFaults = (owner: ApiKeyOwner): FieldFault[] => {
  if (owner.kind === 'user') return []
  const { name } = owner
  const holds = name.trim() !== '' && name.length <= APPLICATION_NAME_LENGTH_MAX && !INVISIBLE.test(name)
  const message = `must be 1 to ${APPLICATION_NAME_LENGTH_MAX} characters, none of them invisible`
  return holds ? [] : [{ field: 'application', message }]
}

const checkId = (id: string): void => refuse(apiKeyIdFaults('id', id))

const refuse = (fields: readonly FieldFault[]): void => {
  if (fields.length > 0) throw new VotestreamError('INVALID_FIELDS', { fields })
}
