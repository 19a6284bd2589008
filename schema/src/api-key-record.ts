import { hash, randomBytes } from 'node:crypto'
import type { FieldFault } from './errors.js'
import type { VoterNumber } from './numbers.js'

/** A client's key. Stands in the bucket of usage plans under its id. */
export interface ApiKeyRecord {
  readonly version: 1
  /** 16 hexadecimal digits; part of the key's text, and no secret. */
  readonly id: string
  readonly plan: string
  readonly owner: ApiKeyOwner
  /** At most two: while the clients change over to a new one, the one before it is still taken. */
  readonly secrets: readonly ApiKeySecret[]
  readonly createdAtMs: number
  readonly revokedAtMs: number | null
}

export type ApiKeyOwner =
  | { readonly kind: 'user'; readonly voter: VoterNumber }
  | { readonly kind: 'application'; readonly name: string }

export interface ApiKeySecret {
  /** Of the key's whole text. It holds 256 random bits: nobody finds a text to a hash by trying. */
  readonly sha256: string
  /** Null: until the key is rotated or revoked. */
  readonly validUntilMs: number | null
}

/** As many as a managed gateway allows one account: every gateway holds all of them in memory. */
export const API_KEYS_MAX = 10_000
export const APPLICATION_NAME_LENGTH_MAX = 100

const ID = /^[0-9a-f]{16}$/
const SHA256 = /^[\w-]{43}$/

export const apiKeyIdFaults = (field: string, text: string): FieldFault[] =>
  ID.test(text) ? [] : [{ field, message: 'must be the 16 hexadecimal digits of an API key' }]

export const newApiKeyId = (): string => randomBytes(8).toString('hex')

/** What a client shows as `x-api-key`. The beginning tells people, and scanners for secrets, what it is. */
export const newApiKeyText = (id: string): string => `vsk_${id}_${randomBytes(32).toString('base64url')}`

/** Longer than any key's text. */
export const API_KEY_LENGTH_MAX = 100

export const hashApiKey = (text: string): string => hash('sha256', text, 'base64url')

const KEY_PREFIX = 'key.'
export const API_KEY_KEYS = `${KEY_PREFIX}*`
export const apiKeyKey = (id: string): string => `${KEY_PREFIX}${id}`
export const isApiKeyKey = (key: string): boolean => key.startsWith(KEY_PREFIX)
export const apiKeyIdOf = (key: string): string => key.slice(KEY_PREFIX.length)

export const encodeApiKey = (key: ApiKeyRecord): Uint8Array => Buffer.from(JSON.stringify(key))

/** @throws Error for what is no key's record, and for a version that this code does not know. */
export const decodeApiKey = (bytes: Uint8Array): ApiKeyRecord => {
  const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as ApiKeyRecord
  if (record.version !== 1) throw new Error(`API key record of unknown version ${String(record.version)}`)
  const { id, plan, owner, secrets, createdAtMs, revokedAtMs } = record
  const isReadable =
    ID.test(id) &&
    typeof plan === 'string' &&
    isOwner(owner) &&
    Array.isArray(secrets) &&
    secrets.every(isSecret) &&
    Number.isFinite(createdAtMs) &&
    (revokedAtMs === null || Number.isFinite(revokedAtMs))
  if (!isReadable) throw new Error('API key record that is none')
  return record
}

const isOwner = (owner: ApiKeyOwner | null | undefined): boolean =>
  owner?.kind === 'user' ? Number.isSafeInteger(owner.voter) : typeof owner?.name === 'string'

const isSecret = (secret: ApiKeySecret | null): boolean =>
  SHA256.test(String(secret?.sha256)) &&
  (secret?.validUntilMs === null || Number.isFinite(secret?.validUntilMs))
