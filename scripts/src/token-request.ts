import { parseArgs } from 'node:util'
import { parseDuration } from '@votestream/gateway/duration'
import { TOKEN_LIFE_SECONDS_MAX } from '@votestream/schema/revocation-record'
import { isScope, SCOPES, type Scope, USER_SCOPES } from '@votestream/schema/scopes'

/** What `npm run token` is asked for. */
export type TokenRequest =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'application'
      readonly scopes: readonly Scope[]
      readonly ttlSeconds: number | undefined
    }
  | {
      readonly kind: 'voters'
      readonly voters: number
      readonly scopes: readonly Scope[]
      readonly ttlSeconds: number | undefined
    }

export const TOKEN_USAGE = `npm run -s token -- --scope ${SCOPES[0]}   prints an application token
npm run -s token -- --voters 1000               makes voter accounts; prints {"user_id","token"} a line

  --scope NAME   one of ${SCOPES.join(', ')}; may be repeated. With --voters: beside what every
                 user's token allows
  --voters N     1 to 1,000,000; their accounts have no password
  --ttl TIME     how long the tokens are valid: 30m, 24h, 7d, or seconds`

const VOTERS_MAX = 1_000_000

/** @throws Error with a sentence for a person. */
export const parseTokenRequest = (args: readonly string[]): TokenRequest => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scope: { type: 'string', multiple: true },
      voters: { type: 'string' },
      ttl: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return { kind: 'help' }
  if (values.scope === undefined && values.voters === undefined) {
    throw new Error(`Say --scope or --voters.\n\n${TOKEN_USAGE}`)
  }
  const ttlSeconds = values.ttl === undefined ? undefined : parseDuration(values.ttl)
  if (ttlSeconds !== undefined && ttlSeconds > TOKEN_LIFE_SECONDS_MAX) {
    throw new Error(`--ttl ${values.ttl}: must be ${TOKEN_LIFE_SECONDS_MAX / 86_400} days at most`)
  }
  if (values.ttl !== undefined && ttlSeconds === undefined) {
    throw new Error(`--ttl ${values.ttl}: must be seconds, or a number with s, m, h or d`)
  }
  const named = (values.scope ?? []).map(requireScope)
  if (values.voters === undefined) return { kind: 'application', scopes: named, ttlSeconds }
  const voters = Number(values.voters)
  if (!Number.isInteger(voters) || voters < 1 || voters > VOTERS_MAX) {
    throw new Error(`--voters ${values.voters}: must be a whole number from 1 to ${VOTERS_MAX}`)
  }
  return { kind: 'voters', voters, scopes: [...new Set([...USER_SCOPES, ...named])], ttlSeconds }
}

const requireScope = (text: string): Scope => {
  if (isScope(text)) return text
  throw new Error(`--scope ${text}: there is no such scope. There are: ${SCOPES.join(', ')}`)
}
