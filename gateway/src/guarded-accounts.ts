import { accountKey, normalizeUsername } from '@votestream/schema/account-record'
import { invalidField, VotestreamError } from '@votestream/schema/errors'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import type { Accounts, Login } from './accounts.js'
import type { LoginAttempt } from './login-throttle.js'
import type { SecurityEvents } from './security-events.js'
import type { SharedLoginThrottle } from './shared-logins.js'

interface GuardOptions {
  readonly throttle: SharedLoginThrottle
  readonly security: SecurityEvents
  /** See `pseudonyms`. */
  readonly pseudonym: (username: string) => string
  readonly ids: Pick<OpaqueIds, 'userId'>
}

/** The same accounts: guesses at their passwords are slowed down, and what happens to them is told to the operators. */
export const guardAccounts = (accounts: Accounts, options: GuardOptions): Accounts => {
  const { throttle, security, pseudonym, ids } = options
  // The same for a name that nobody has: the wait does not tell which names there are.
  const begin = async (username: string, address: string): Promise<LoginAttempt> => {
    try {
      return await throttle.begin(accountKey(username), address)
    } catch (error) {
      security.note('login-throttled', () => ({ account: pseudonym(username), address }))
      throw error
    }
  }

  return {
    ...accounts,
    async register(caller, registration, deadline) {
      if (isSame(registration.password, registration.username))
        throw invalidField('password', 'must not be the username')
      const voter = await accounts.register(caller, registration, deadline)
      security.note('registered', () => ({ userId: ids.userId(voter) }))
      return voter
    },
    async login(username, password, address) {
      const attempt = await begin(username, address)
      let login: Login
      try {
        login = await accounts.login(username, password, address)
      } catch (error) {
        if (error instanceof VotestreamError && error.code === 'WRONG_CREDENTIALS')
          security.note('login-failed', () => ({ account: pseudonym(username), address }))
        else attempt.undo()
        throw error
      }
      attempt.succeeded()
      security.note('login-succeeded', () => ({
        userId: ids.userId(login.voter),
        account: pseudonym(username),
        address,
      }))
      return login
    },
  }
}

const isSame = (password: string, username: string): boolean =>
  normalizeUsername(password) === normalizeUsername(username)
