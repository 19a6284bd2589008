import { randomBytes } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import { AuthorizationError, type NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { natsLogin } from '@votestream/infra/nats'
import { shownAddress } from '@votestream/infra/store-login'
import type { AccountRecord } from '@votestream/schema/account-record'
import { type VoterNumber, voterNumber } from '@votestream/schema/numbers'
import type { StoreAddress } from './store-logins.js'

/** Creations under way at once: enough to share the broker's writes to disk. */
const INFLIGHT_MAX = 256

/** @throws Error with a sentence for a person, where NATS does not answer or refuses the login. */
export const connectForVoters = async ({ url, ...login }: StoreAddress): Promise<NatsConnection> => {
  try {
    return await connect({ ...natsLogin(url, login), timeout: 5_000, maxReconnectAttempts: 2 })
  } catch (cause) {
    const where = shownAddress(url)
    if (cause instanceof AuthorizationError) throw new Error(`NATS at ${where} refuses the login.`, { cause })
    throw new Error(`NATS does not answer at ${where}: voters are made in a running system.`, { cause })
  }
}

/**
 * Makes accounts that cannot log in, each under a key that is no name's, and hands out their numbers as they
 * come. If the process dies, those that were made stay, with nobody who has a token for them.
 */
export const createVoterAccounts = async (
  accounts: KV,
  count: number,
  onCreated: (voter: VoterNumber) => void,
): Promise<void> => {
  const record: AccountRecord = { version: 1, credentials: null }
  const value = JSON.stringify(record)
  let left = count
  const createSome = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      onCreated(voterNumber(await accounts.create(randomBytes(32).toString('hex'), value)))
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(INFLIGHT_MAX, count) }, createSome))
  } finally {
    // One that failed stops the others, too.
    left = 0
  }
}
