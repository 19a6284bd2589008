import { createHash, timingSafeEqual } from 'node:crypto'
import { refusal } from './exception-status.js'

export type User = { name: string; role: 'owner' | 'analyst' }
export interface Credentials {
  user: string
  password: string
}

export interface AccessOptions {
  user: string
  password: string
  analystPassword: string | undefined
}

/** Finds the user of a request. `authenticate(undefined)` is a request without credentials. */
export function createAccess(options: AccessOptions) {
  const users = new Map<string, { digest: Buffer; user: User }>()
  users.set(options.user, { digest: digestOf(options.password), user: { name: options.user, role: 'owner' } })
  if (options.analystPassword !== undefined) {
    users.set('analyst', {
      digest: digestOf(options.analystPassword),
      user: { name: 'analyst', role: 'analyst' },
    })
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
