import { randomBytes } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import type { Logger } from '@votestream/infra/logging'
import type { Nats } from '@votestream/infra/nats'
import type { Buckets } from '@votestream/infra/streams'
import { type AccountRecord, accountKey, type CredentialsRecord } from '@votestream/schema/account-record'
import { VotestreamError } from '@votestream/schema/errors'
import { type VoterNumber, voterNumber } from '@votestream/schema/numbers'
import { ADMIN_SCOPES, type Scope, USER_SCOPES } from '@votestream/schema/scopes'
import { ACCOUNTS_BUCKET } from '@votestream/schema/subjects'
import type { Caller } from './caller.js'
import { type Deadline, requireTime } from './deadlines.js'
import type { Passwords } from './passwords.js'
import { authorize } from './policy.js'
import type { Store } from './store.js'
import type { Tokens } from './tokens.js'

export interface Registration {
  readonly username: string
  readonly password: string
  readonly email: string
  /** YYYY-MM-DD. */
  readonly dateOfBirth: string
}

export interface Login {
  readonly voter: VoterNumber
  /** As it was registered. */
  readonly username: string
  readonly token: string
}

export interface Accounts {
  /** @throws VotestreamError WRONG_SCOPE, USERNAME_TAKEN, OVERLOADED, STORE_UNAVAILABLE, TIMEOUT (nothing was made) */
  register(caller: Caller, registration: Registration, deadline?: Deadline): Promise<VoterNumber>
  /**
   * @param address of the client
   * @throws VotestreamError WRONG_CREDENTIALS, TOO_MANY_LOGINS, OVERLOADED, STORE_UNAVAILABLE
   */
  login(username: string, password: string, address: string): Promise<Login>
  /**
   * As it was registered; empty for an account that cannot log in.
   * @throws VotestreamError UNAUTHENTICATED for a number that no account has, STORE_UNAVAILABLE
   */
  username(voter: VoterNumber): Promise<string>
  /** Makes the operator's account where its name is free; done twice, it is there once. */
  ensureAdmin(username: string, password: string): Promise<void>
}

interface AccountsOptions {
  readonly buckets: Pick<Buckets, 'accounts' | 'credentials'>
  readonly nats: Pick<Nats, 'jsm'>
  readonly store: Store
  readonly passwords: Passwords
  readonly tokens: Tokens
  readonly logger: Logger
  readonly now?: () => number
}

export const createAccounts = ({
  buckets: { accounts, credentials },
  nats,
  store,
  passwords,
  tokens,
  logger,
  now = Date.now,
}: AccountsOptions): Accounts => {
  const isTaken = async (username: string): Promise<boolean> =>
    (await store(() => read<AccountRecord>(accounts, accountKey(username)))) !== undefined

  const create = async (
    registration: Registration,
    scopes: readonly Scope[],
    deadline?: Deadline,
  ): Promise<VoterNumber> => {
    const { username, password, email, dateOfBirth } = registration
    // Spares the work for a name that is known to be taken; what decides is the claim below.
    if (await isTaken(username)) throw new VotestreamError('USERNAME_TAKEN')
    const record: CredentialsRecord = {
      version: 1,
      username,
      passwordHash: await passwords.hash(password),
      email,
      dateOfBirth,
      scopes,
      createdAtMs: now(),
    }
    // From here on it goes to its end: half of it would be of no use to anybody.
    requireTime(deadline)
    // 1. The credentials, under a key that nobody knows. A process that dies after this leaves a record to
    //    which nothing points: it can log nobody in, and the name is still free.
    const key = randomBytes(16).toString('hex')
    await store(() => credentials.create(key, JSON.stringify(record)))
    // 2. The name, the pointer and the voter number in one write. From here the account exists and can log in,
    //    whether or not this process lives to say so.
    const voter = await store(() => claimName(accounts, username, key))
    if (voter !== 'taken') return voter
    // 3. Somebody was first. A process that dies before this leaves a record as after step 1.
    await credentials.purge(key).catch((error: unknown) => logger.warn({ err: error }, 'credentials stay'))
    throw new VotestreamError('USERNAME_TAKEN')
  }

  return {
    async register(caller, registration, deadline) {
      authorize('register', caller)
      return create(registration, USER_SCOPES, deadline)
    },
    async login(username, password) {
      const key = accountKey(username)
      const account = await store(() => read<AccountRecord>(accounts, key))
      // Without an account the same steps are taken, with a key that no credentials have.
      const found = await store(() =>
        read<CredentialsRecord>(credentials, account?.record.credentials ?? key),
      )
      const matches = await passwords.verify(found?.record.passwordHash, password)
      if (!matches || !account || !found) throw new VotestreamError('WRONG_CREDENTIALS')
      const voter = voterNumber(account.revision)
      const { username: registered, scopes } = found.record
      return { voter, username: registered, token: tokens.issue({ voter, scopes }) }
    },
    async username(voter) {
      const account = await store(() => accountOf(nats, voter))
      if (!account) throw new VotestreamError('UNAUTHENTICATED')
      const key = account.credentials
      if (key === null) return ''
      const found = await store(() => read<CredentialsRecord>(credentials, key))
      return found?.record.username ?? ''
    },
    async ensureAdmin(username, password) {
      if (await isTaken(username)) return
      try {
        await create({ username, password, email: '', dateOfBirth: '' }, ADMIN_SCOPES)
        logger.info({ 'event.action': 'admin-made' }, 'the admin account was made')
      } catch (error) {
        // Another gateway that starts at the same time was first.
        if (error instanceof VotestreamError && error.code === 'USERNAME_TAKEN') return
        throw error
      }
    },
  }
}

/** By its number, which is the revision, and so the sequence in the bucket's stream, of its creation. */
const accountOf = async (
  { jsm }: Pick<Nats, 'jsm'>,
  voter: VoterNumber,
): Promise<AccountRecord | undefined> => {
  const stored = await jsm.streams.getMessage(`KV_${ACCOUNTS_BUCKET}`, { seq: voter })
  // Only this module and the making of voters in bulk write this bucket.
  return stored && stored.data.length > 0 ? (stored.json() as AccountRecord) : undefined
}

const read = async <Value>(
  bucket: KV,
  key: string,
): Promise<{ record: Value; revision: number } | undefined> => {
  const entry = await bucket.get(key)
  if (entry?.operation !== 'PUT') return undefined
  // Only this module writes these buckets.
  return { record: JSON.parse(entry.string()) as Value, revision: entry.revision }
}

/**
 * Creates the account unless the name is taken. Whatever made the creation fail, the pointer that stands says
 * whose it is: an answer that was lost is no taken name. When nothing stands yet, the creation may still
 * arrive: then nothing may be undone, and the client, who is told to try again, finds the name taken or free.
 */
const claimName = async (
  accounts: KV,
  username: string,
  credentialsKey: string,
): Promise<VoterNumber | 'taken'> => {
  const key = accountKey(username)
  const record: AccountRecord = { version: 1, credentials: credentialsKey }
  try {
    return voterNumber(await accounts.create(key, JSON.stringify(record)))
  } catch (error) {
    const standing = await read<AccountRecord>(accounts, key)
    if (!standing) throw error
    return standing.record.credentials === credentialsKey ? voterNumber(standing.revision) : 'taken'
  }
}
