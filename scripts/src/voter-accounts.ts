import { randomBytes } from 'node:crypto'
import type { KV } from '@nats-io/kv'
import type { AccountRecord } from '@votestream/schema/account-record'
import { type VoterNumber, voterNumber } from '@votestream/schema/numbers'

/** Creations under way at once: enough to share the broker's writes to disk. */
const INFLIGHT_MAX = 256

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
