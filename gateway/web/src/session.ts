import { readClaims } from './model/token-claims.js'
import { createValue, type Watched } from './state.js'

export interface SignedIn {
  readonly id: string
  readonly username: string
  readonly token: string
  readonly isAdmin: boolean
}

/** Who is signed in, in this tab, also after a reload. */
export interface Session {
  readonly user: Watched<SignedIn | undefined>
  /** A sentence for who was signed out by the service. */
  readonly notice: Watched<string | undefined>
  begin(user: { id: string; username: string }, token: string): void
  end(): void
  /** The service no longer accepts this token. */
  expire(token: string): void
}

const KEY = 'votestream.session'

export const createSession = (storage: Storage): Session => {
  const user = createValue<SignedIn | undefined>(read(storage))
  const notice = createValue<string | undefined>(undefined)
  const end = () => {
    storage.removeItem(KEY)
    user.set(undefined)
  }
  return {
    user,
    notice,
    begin({ id, username }, token) {
      storage.setItem(KEY, JSON.stringify({ id, username, token }))
      notice.set(undefined)
      user.set(signedIn(id, username, token))
    },
    end() {
      notice.set(undefined)
      end()
    },
    expire(token) {
      if (user.get()?.token !== token) return
      end()
      notice.set('Your session has ended. Please sign in again.')
    },
  }
}

const signedIn = (id: string, username: string, token: string): SignedIn => ({
  id,
  username,
  token,
  isAdmin: readClaims(token)?.scopes.has('admin') === true,
})

const read = (storage: Storage): SignedIn | undefined => {
  try {
    const { id, username, token } = JSON.parse(storage.getItem(KEY) ?? '') as Record<string, unknown>
    const whole = typeof id === 'string' && typeof username === 'string' && typeof token === 'string'
    return whole ? signedIn(id, username, token) : undefined
  } catch {
    // Nothing kept, or nothing of ours.
    return undefined
  }
}
