import { once } from 'node:events'
import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { AuthorizationError } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { parseDuration } from '@votestream/gateway/duration'
import { createTokens } from '@votestream/gateway/tokens'
import { natsLogin } from '@votestream/infra/nats'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { shownAddress } from '@votestream/infra/store-login'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { ACCOUNTS_BUCKET } from '@votestream/schema/subjects'
import { type Environment, readEnvironment } from './environment.js'
import { checkIdSecret, readSecrets } from './secrets.js'
import { operatorAddresses, type StoreAddress } from './store-logins.js'
import { parseTokenRequest, TOKEN_USAGE, type TokenRequest } from './token-request.js'
import { createVoterAccounts } from './voter-accounts.js'

/** `npm run token`: tokens for applications, and voter accounts in bulk. See TOKEN_USAGE. */

/** An application's token is shipped with the application: it is made to last. */
const APPLICATION_TTL_SECONDS = 365 * 86_400

const secretsOf = async (environment: Environment): Promise<{ jwtSecret: string; idSecret: string }> => {
  const { DATA_DIR: dataDir, JWT_SECRET: jwtSecret, ID_SECRET: idSecret } = environment
  const kept = await readSecrets(dataDir)
  if (kept && idSecret !== undefined) checkIdSecret(kept, idSecret)
  const secrets = { jwtSecret: jwtSecret ?? kept?.jwtSecret, idSecret: idSecret ?? kept?.idSecret }
  if (secrets.jwtSecret === undefined || secrets.idSecret === undefined) {
    throw new Error(
      `There are no secrets in ${dataDir}: start Votestream once first, or set JWT_SECRET and ID_SECRET.`,
    )
  }
  return { jwtSecret: secrets.jwtSecret, idSecret: secrets.idSecret }
}

const connectToBroker = async ({ url, ...login }: StoreAddress) => {
  try {
    return await connect({ ...natsLogin(url, login), timeout: 5_000, maxReconnectAttempts: 2 })
  } catch (cause) {
    const where = shownAddress(url)
    if (cause instanceof AuthorizationError) throw new Error(`NATS at ${where} refuses the login.`, { cause })
    throw new Error(`NATS does not answer at ${where}: --voters needs a running system.`, { cause })
  }
}

const run = async (request: Exclude<TokenRequest, { kind: 'help' }>): Promise<void> => {
  const environment = readEnvironment(repositoryRoot())
  const { jwtSecret, idSecret } = await secretsOf(environment)
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
  const connection = await connectToBroker((await operatorAddresses(environment)).nats)
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
