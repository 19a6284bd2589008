import { setTimeout as pause } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import type { Nats } from '@votestream/infra/nats'
import { decodeQuota, encodeQuota, type QuotaRecord } from '@votestream/schema/quota-record'
import { isConflict, type Store, unavailable } from '../store.js'

export interface StoredQuota {
  readonly record: QuotaRecord
  readonly revision: number
  /** By the broker's clock. */
  readonly writtenAtMs: number
}

/** The records of what was taken of quotas. */
export interface QuotaLedger {
  /** @throws VotestreamError STORE_UNAVAILABLE; Error for a record that cannot be read */
  read(id: string): Promise<StoredQuota | undefined>
  /**
   * Writes over the revision that was read, or where nothing stood.
   * @returns false where something else stands by now: then nothing was written.
   * @throws VotestreamError STORE_UNAVAILABLE: whether it was written is not known.
   */
  write(id: string, record: QuotaRecord, revision: number | undefined): Promise<boolean>
}

/** Requests wait for the answer. */
const ANSWER_MS = 1_000

export const createQuotaLedger = (bucket: KV, nats: Nats, store: Store): QuotaLedger => ({
  async read(id) {
    const entry = await store(() => answered(nats, bucket.get(id)))
    if (entry?.operation !== 'PUT') return undefined
    const { revision, created } = entry
    return { record: decodeQuota(entry.value), revision, writtenAtMs: created.getTime() }
  },
  write: (id, record, revision) =>
    store(async () => {
      const data = encodeQuota(record)
      const writing =
        revision === undefined ? bucket.create(id, data) : bucket.update(id, data, revision, ANSWER_MS)
      try {
        await answered(nats, writing)
        return true
      } catch (error) {
        if (isConflict(error)) return false
        throw error
      }
    }),
})

/** @throws VotestreamError STORE_UNAVAILABLE when the answer does not come, or will not. */
const answered = async <Answer>(nats: Nats, asked: Promise<Answer>): Promise<Answer> => {
  const waited = new AbortController()
  const late = pause(ANSWER_MS, undefined, { signal: waited.signal, ref: false }).then(() => {
    throw unavailable()
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([nats.onThisConnection(asked), late])
  } finally {
    waited.abort()
  }
}
