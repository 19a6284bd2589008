import { parseArgs } from 'node:util'
import { Kvm } from '@nats-io/kv'
import { createRevoking } from '@votestream/gateway/revoking'
import { createStore } from '@votestream/gateway/store'
import { tokenId } from '@votestream/gateway/tokens'
import { brokerTimeMs } from '@votestream/infra/broker-clock'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { Revoked } from '@votestream/schema/revocation-record'
import { REVOCATIONS_BUCKET } from '@votestream/schema/subjects'
import { readEnvironment } from './environment.js'
import { publicIds } from './public-ids.js'
import { operatorAddresses } from './store-logins.js'
import { within } from './within.js'

/** `npm run revoke`: takes tokens back while the system runs. See USAGE. Exit status 2: it could not be done. */

const USAGE = `npm run revoke -- --token TOKEN     this one
npm run revoke -- --user USER_ID    all of a user, as the API names it
npm run revoke -- --all             all there are, of applications and operators too

  --before TIME   of a user and of all: those issued before it (RFC 3339); without it, before now`

const BROKER_WAIT_MS = 10_000

interface Request {
  readonly token?: string | undefined
  readonly user?: string | undefined
  readonly all?: boolean | undefined
  readonly before?: string | undefined
}

const beforeOf = ({ before, token }: Request): number | undefined => {
  if (before === undefined) return undefined
  if (token !== undefined) throw new Error('--before: is not for a token')
  const ms = Date.parse(before)
  if (Number.isNaN(ms)) throw new Error(`--before ${before}: must be a time such as 2026-11-25T20:00:00Z`)
  return ms
}

const revokedOf = async (
  request: Request,
  environment: ReturnType<typeof readEnvironment>,
): Promise<Revoked> => {
  const named = [request.token, request.user, request.all].filter((value) => value !== undefined)
  if (named.length !== 1) throw new Error(`Say one of --token, --user and --all.\n\n${USAGE}`)
  if (request.token !== undefined) {
    const id = tokenId(request.token)
    if (id === undefined) throw new Error('--token: must be a token as it was issued')
    return { kind: 'token', tokenId: id }
  }
  if (request.user === undefined) return { kind: 'all' }
  const voter = (await publicIds(environment))?.parseUserId(request.user)
  if (voter === undefined) throw new Error(`--user ${request.user}: is no identifier of a user`)
  return { kind: 'user', voter }
}

const run = async (request: Request): Promise<string> => {
  const beforeMs = beforeOf(request)
  const environment = readEnvironment(repositoryRoot())
  const revoked = await revokedOf(request, environment)
  const { nats: address } = await operatorAddresses(environment)
  const logger = createLogger('revoke', 'silent')
  const nats = await within(BROKER_WAIT_MS, 'NATS', connectNats({ ...address, name: 'revoke', logger }))
  const nowMs = await brokerTimeMs(nats)
  const bucket = await new Kvm(nats.js).open(REVOCATIONS_BUCKET)
  await createRevoking({ bucket, store: createStore(nats), now: () => nowMs }).revoke(revoked, beforeMs)
  return 'Taken back: every gateway refuses it within a second.'
}

const options = {
  token: { type: 'string' },
  user: { type: 'string' },
  all: { type: 'boolean' },
  before: { type: 'string' },
  help: { type: 'boolean' },
} as const

try {
  const { values } = parseArgs({ options })
  console.log(values.help ? USAGE : await run(values))
  // Ends at once: a connection that is still looking for its server would keep the process.
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}
