import { createHash } from 'node:crypto'
import type { Scope } from './scopes.js'

/**
 * An account as it stands in the `accounts` bucket: created once, never changed. Its key is the hash of the
 * normalized username, so that creating it claims the name; its revision is the voter number.
 */
export interface AccountRecord {
  readonly version: 1
  /** Key of its record in `credentials`; null for an account that cannot log in. */
  readonly credentials: string | null
}

/** What may change about an account, and everything personal. */
export interface CredentialsRecord {
  readonly version: 1
  readonly username: string
  /** PHC string of argon2id. */
  readonly passwordHash: string
  readonly email: string
  /** YYYY-MM-DD. */
  readonly dateOfBirth: string
  readonly scopes: readonly Scope[]
  readonly createdAtMs: number
}

/** Usernames that look alike are one name: compatibility forms folded, case ignored. */
export const normalizeUsername = (username: string): string => username.normalize('NFKC').toLowerCase()

/** The account's key: 64 hexadecimal digits. */
export const accountKey = (username: string): string =>
  createHash('sha256').update(normalizeUsername(username)).digest('hex')
