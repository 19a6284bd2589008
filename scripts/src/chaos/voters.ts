import { setTimeout as pause } from 'node:timers/promises'
import { Kvm } from '@nats-io/kv'
import { createTokens } from '@votestream/gateway/tokens'
import type { Nats } from '@votestream/infra/nats'
import type { VoterNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { ACCOUNTS_BUCKET } from '@votestream/schema/subjects'
import { createVoterAccounts } from '../voter-accounts.js'

export interface Voter {
  readonly number: VoterNumber
  readonly userId: string
  readonly token: string
}

/** Voters who have not voted yet, made ahead of the load, also while servers come and go. */
export interface Voters {
  /** Undefined: none is left at the moment. */
  take(): Voter | undefined
  stop(): Promise<void>
}

interface VotersOptions {
  readonly nats: Nats
  readonly ids: OpaqueIds
  readonly jwtSecret: string
  /** So many are kept ready. */
  readonly ahead: number
}

const TTL_SECONDS = 86_400
const LOOK_EVERY_MS = 100

/** Resolves when the first of them are there. */
export const createVoters = async ({ nats, ids, jwtSecret, ahead }: VotersOptions): Promise<Voters> => {
  const tokens = createTokens({ secret: jwtSecret, ids, ttlSeconds: TTL_SECONDS })
  const accounts = await new Kvm(nats.js).open(ACCOUNTS_BUCKET)
  const ready: VoterNumber[] = []
  let stopped = false
  await createVoterAccounts(accounts, ahead, (voter) => ready.push(voter))
  const refilling = (async () => {
    while (!stopped) {
      const missing = ahead - ready.length
      // While the broker is away none can be made; an account whose answer was lost has nobody's token.
      if (missing > ahead / 10) {
        await createVoterAccounts(accounts, missing, (voter) => ready.push(voter)).catch(() => undefined)
      }
      await pause(LOOK_EVERY_MS)
    }
  })()
  return {
    take() {
      const number = ready.shift()
      if (number === undefined) return undefined
      return {
        number,
        userId: ids.userId(number),
        token: tokens.issue({ voter: number, scopes: USER_SCOPES }),
      }
    },
    async stop() {
      stopped = true
      await refilling
    },
  }
}
