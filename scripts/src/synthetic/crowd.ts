import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { createTokens } from '@votestream/gateway/tokens'
import { type VoterNumber, voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { ACCOUNTS_BUCKET } from '@votestream/schema/subjects'
import { z } from 'zod'
import type { Environment } from '../environment.js'
import { parseVoters, type Voter } from '../load/voters.js'
import { operatorAddresses } from '../store-logins.js'
import { tokenSecrets } from '../token-secrets.js'
import { connectForVoters, createVoterAccounts } from '../voter-accounts.js'

/** Who votes in one event. */
export interface Crowd {
  /** Makes the event: its token allows `events:canary`. */
  readonly creator: Voter
  /** As many as there are checks in an event. */
  readonly voters: readonly Voter[]
}

/** The same people for every event, with tokens that are good for the next one. */
export type CrowdSource = () => Promise<Crowd>

/** @param count voters, beside the creator @throws Error with a sentence for a person */
export const crowdFromFile =
  (file: string, count: number): CrowdSource =>
  async () =>
    crowdOf(parseVoters(await readFile(file, 'utf8')), count, file)

const crowdOf = ([creator, ...voters]: readonly Voter[], count: number, whence: string): Crowd => {
  if (creator && voters.length >= count) return { creator, voters: voters.slice(0, count) }
  throw new Error(`${whence}: ${count + 1} voters are needed, of which the first makes the events`)
}

/**
 * Accounts without a password that are made once. Only their numbers are kept: tokens are made anew for each event, and
 * never written, so that neither their end nor an exchange of keys stops a prober.
 * @param tokenSeconds how long the tokens of an event are good
 * @throws Error with a sentence for a person, when there are none and none can be made
 */
export const ownCrowd = async (
  environment: Environment,
  count: number,
  tokenSeconds: number,
): Promise<CrowdSource> => {
  const numbers = await keptVoters(environment, count + 1)
  return async () => {
    const { jwtSecret, idSecret } = await tokenSecrets(environment)
    const ids = createOpaqueIds(idSecret)
    const tokens = createTokens({ secret: jwtSecret, ids, ttlSeconds: tokenSeconds })
    const voters = numbers.map((voter, index): Voter => {
      const scopes = index === 0 ? ([...USER_SCOPES, 'events:canary'] as const) : USER_SCOPES
      return { userId: ids.userId(voter), token: tokens.issue({ voter, scopes }) }
    })
    return crowdOf(voters, count, environment.DATA_DIR)
  }
}

const keptSchema = z.strictObject({
  version: z.literal(1),
  /** Of the bucket of accounts: in another one the numbers would be somebody else's. */
  accountsSince: z.string(),
  voters: z.array(z.number().int().positive()),
})

const keptVoters = async (environment: Environment, count: number): Promise<VoterNumber[]> => {
  const file = join(environment.DATA_DIR, 'synthetic-voters.json')
  const connection = await connectForVoters((await operatorAddresses(environment)).nats)
  try {
    const accounts = await new Kvm(jetstream(connection)).open(ACCOUNTS_BUCKET)
    const accountsSince = (await accounts.status()).streamInfo.created
    const kept = await readKept(file)
    const voters = kept?.accountsSince === accountsSince ? kept.voters.map(voterNumber) : []
    if (voters.length < count) {
      await createVoterAccounts(accounts, count - voters.length, (voter) => void voters.push(voter))
      await writeKept(file, { version: 1, accountsSince, voters })
    }
    return voters.slice(0, count)
  } finally {
    await connection.close()
  }
}

const readKept = async (file: string): Promise<z.infer<typeof keptSchema> | undefined> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return keptSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${file} cannot be read: remove it, and other voters are made.`, { cause })
  }
}

/** It is whole under its name, or as it was. */
const writeKept = async (file: string, kept: z.infer<typeof keptSchema>): Promise<void> => {
  await writeFile(`${file}.new`, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}
