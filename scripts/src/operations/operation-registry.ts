import type { KV, KvEntry } from '@nats-io/kv'
import { isConflict, type Store } from '@votestream/gateway/store'
import { readBucket } from '@votestream/infra/followed-bucket'
import {
  decodeOperation,
  encodeOperation,
  OPERATIONS_MAX,
  type RegisteredOperation,
  withHashes,
} from '@votestream/schema/registered-operation'
import type { Registrable } from './registrable.js'

/** What operators do with registered operations. Every gateway knows it as soon as its watch brings it. */
export interface OperationRegistry {
  /** By name. @throws VotestreamError STORE_UNAVAILABLE */
  list(): Promise<readonly RegisteredOperation[]>
  /**
   * One after the other: who is interrupted has registered the first ones, and does the same again.
   * @returns each as it stands now, and whether it is new
   * @throws Error with a sentence, where there would be more than there may be: nothing is registered then.
   */
  register(operations: readonly Registrable[]): Promise<readonly Registration[]>
  /** Done twice, it is done. @throws VotestreamError STORE_UNAVAILABLE */
  remove(id: string): Promise<void>
}

export interface Registration {
  readonly record: RegisteredOperation
  readonly isNew: boolean
}

interface RegistryOptions {
  readonly bucket: KV
  readonly store: Store
  /** Milliseconds since 1970, by the broker's clock. */
  readonly now: () => number
}

const ATTEMPTS_MAX = 10

export const createOperationRegistry = ({ bucket, store, now }: RegistryOptions): OperationRegistry => {
  const list = async (): Promise<readonly RegisteredOperation[]> => {
    const entries = await store(() => readBucket(bucket))
    const records = entries.map(({ key, value }) => decodeOperation(key, value))
    return records.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  }

  const registerOne = async ({ operation, hashes }: Registrable): Promise<Registration> => {
    for (let attempts = 1; ; attempts += 1) {
      const entry = await store(() => bucket.get(operation.id))
      const before = isThere(entry) ? decodeOperation(entry.key, entry.value) : undefined
      const record = withHashes(
        before ?? { version: 1, ...operation, hashes: [], registeredAtMs: now() },
        hashes,
      )
      try {
        const data = encodeOperation(record)
        // Over what was read, so that of two at once neither loses its hashes.
        await store(() =>
          isThere(entry) ? bucket.update(entry.key, data, entry.revision) : bucket.create(operation.id, data),
        )
        return { record, isNew: before === undefined }
      } catch (error) {
        if (attempts >= ATTEMPTS_MAX || !isConflict((error as Error).cause)) throw error
      }
    }
  }

  return {
    list,
    async register(operations) {
      const ids = new Set((await list()).map(({ id }) => id))
      const added = operations.filter(({ operation }) => !ids.has(operation.id)).length
      if (ids.size + added > OPERATIONS_MAX) {
        const sum = `${ids.size} are registered and ${added} would be added`
        throw new Error(`${OPERATIONS_MAX} operations may be registered: ${sum}`)
      }
      const registrations: Registration[] = []
      for (const operation of operations) registrations.push(await registerOne(operation))
      return registrations
    },
    remove: (id) => store(() => bucket.delete(id)),
  }
}

const isThere = (entry: KvEntry | null): entry is KvEntry => entry?.operation === 'PUT'

const nameOf = ({ name, id }: RegisteredOperation): string => `${name ?? ''} ${id}`
