import { type OperationText, textHash } from './operation-text.js'

/** An operation that may run where only registered ones do. Stands in the bucket of operations under its id. */
export interface RegisteredOperation extends OperationText {
  readonly version: 1
  /** Of the texts that it was registered with, the latest last: by any of them a client may ask for it without a text. */
  readonly hashes: readonly string[]
  readonly registeredAtMs: number
}

/** Every gateway holds all of them in memory, and remembers as many as parsed. */
export const OPERATIONS_MAX = 1_000
/** Of the normalized text, in UTF-8. */
export const OPERATION_BYTES_MAX = 65_536
/** Beyond that the oldest is forgotten. */
export const OPERATION_HASHES_MAX = 20

const TYPES: readonly unknown[] = ['query', 'mutation', 'subscription']
const HASH = /^[0-9a-f]{64}$/

export const isTextHash = (value: unknown): value is string => typeof value === 'string' && HASH.test(value)

/** What stands in the bucket once the operation was registered with these texts, too. */
export const withHashes = (record: RegisteredOperation, hashes: readonly string[]): RegisteredOperation => {
  const others = record.hashes.filter((hash) => !hashes.includes(hash))
  return { ...record, hashes: [...others, ...hashes].slice(-OPERATION_HASHES_MAX) }
}

export const encodeOperation = (record: RegisteredOperation): Uint8Array =>
  Buffer.from(JSON.stringify(record))

/**
 * @param key under which it stands
 * @throws Error for what is no such record, for one of another operation than its key says, and for a version that this
 * code does not know.
 */
export const decodeOperation = (key: string, bytes: Uint8Array): RegisteredOperation => {
  const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as RegisteredOperation
  if (record.version !== 1) throw new Error(`operation record of unknown version ${String(record.version)}`)
  const { id, name, type, text, hashes, registeredAtMs } = record
  const isReadable =
    (name === null || typeof name === 'string') &&
    TYPES.includes(type) &&
    typeof text === 'string' &&
    Array.isArray(hashes) &&
    hashes.length <= OPERATION_HASHES_MAX &&
    hashes.every(isTextHash) &&
    Number.isFinite(registeredAtMs)
  if (!isReadable) throw new Error('operation record that is none')
  if (id !== key || textHash(text) !== key) throw new Error('operation record of another operation')
  return record
}
