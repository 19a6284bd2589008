import { once } from 'node:events'
import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { parseDuration } from '@votestream/gateway/duration'
import { createTokens } from '@votestream/gateway/tokens'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { ACCOUNTS_BUCKET } from '@votestream/schema/subjects'
import { readEnvironment } from './environment.js'
import { operatorAddresses } from './store-logins.js'
import { parseTokenRequest, TOKEN_USAGE, type TokenRequest } from './token-request.js'
import { tokenSecrets } from './token-secrets.js'
import { connectForVoters, createVoterAccounts } from './voter-accounts.js'

/** `npm run token`: tokens for applications, and voter accounts in bulk. See TOKEN_USAGE. */

/** An application's token is shipped with the application: it is made to last. */
const APPLICATION_TTL_SECONDS = 365 * 86_400

const run = async (request: Exclude<TokenRequest, { kind: 'help' }>): Promise<void> => {
  const environment = readEnvironment(repositoryRoot())
  const { jwtSecret, idSecret } = await tokenSecrets(environment)
  const ids = createOpaqueIds(idSecret)
  const userTtlSeconds = parseDuration(environment.TOKEN_TTL)
  if (userTtlSeconds === undefined) throw new Error(`TOKEN_TTL ${environment.TOKEN_TTL} is no duration.`)
  const { scopes } = request
  if (request.kind === 'application') {
    const ttlSeconds = request.ttlSeconds ?? APPLICATION_TTL_SECONDS
    console.log(createTokens({ secret: jwtSecret, ids, ttlSeconds }).issue({ scopes }))
    return
  }
  const tokens = createTokens({ secret: jwtSecret, ids, ttlSeconds: request.ttlSeconds ?? userTtlSeconds })
  const connection = await connectForVoters((await operatorAddresses(environment)).nats)
  try {
    const accounts = await new Kvm(jetstream(connection)).open(ACCOUNTS_BUCKET)
    await createVoterAccounts(accounts, request.voters, (voter) => {
      const line = { user_id: ids.userId(voter), token: tokens.issue({ voter, scopes }) }
      process.stdout.write(`${JSON.stringify(line)}\n`)
    })
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
  } finally {
    await connection.close()
  }
}

try {
  const request = parseTokenRequest(process.argv.slice(2))
  if (request.kind === 'help') console.log(TOKEN_USAGE)
  else await run(request)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
