import { createHash, timingSafeEqual } from 'node:crypto'
import { CLICKHOUSE_ROLES, type ClickhouseRole } from '../src/access/clickhouse-rights.js'
import { refusal } from './exception-status.js'

/** Whom the engine takes a query to be of. The owner may do everything; see `clickhouse-rights` for the others. */
export type Role = 'owner' | ClickhouseRole
export interface User {
  readonly name: string
  readonly role: Role
}
export interface Credentials {
  user: string
  password: string
}

export interface AccessOptions {
  user: string
  password: string
  /** A user without a password is none. */
  passwords: Readonly<Record<ClickhouseRole, string | undefined>>
}

/** Finds the user of a request. `authenticate(undefined)` is a request without credentials. */
export function createAccess(options: AccessOptions) {
  const users = new Map<string, { digest: Buffer; user: User }>()
  users.set(options.user, { digest: digestOf(options.password), user: { name: options.user, role: 'owner' } })
  for (const role of CLICKHOUSE_ROLES) {
    const password = options.passwords[role]
    if (password !== undefined) users.set(role, { digest: digestOf(password), user: { name: role, role } })
  }
  return {
    authenticate(credentials: Credentials | undefined): User {
      const name = credentials?.user ?? 'default'
      const known = users.get(name)
      // Digests have one length, so the comparison takes the same time for every password.
      const matches = timingSafeEqual(
        digestOf(credentials?.password ?? ''),
        known?.digest ?? digestOf('no such user'),
      )
      if (known !== undefined && matches) return known.user
      const sentence = `${name}: Authentication failed: password is incorrect, or there is no user with such name.`
      throw refusal('AUTHENTICATION_FAILED', sentence, credentials === undefined ? 401 : 403)
    },
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
