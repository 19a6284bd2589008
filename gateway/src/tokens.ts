import { VotestreamError } from '@votestream/schema/errors'
import type { VoterNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { isScope, SCOPES, type Scope } from '@votestream/schema/scopes'
import { createSigner, createVerifier } from 'fast-jwt'
import { LRUCache } from 'lru-cache'
import type { Caller } from './caller.js'

export interface Tokens {
  /** A token of a user, or, without a voter, of an application. */
  issue(claims: { voter?: VoterNumber; scopes: readonly Scope[]; ttlSeconds?: number }): string
  /** @throws VotestreamError UNAUTHENTICATED */
  verify(token: string): Caller
}

interface TokensOptions {
  readonly secret: string
  readonly ids: OpaqueIds
  readonly ttlSeconds: number
  readonly now?: () => number
  /** Tokens remembered at once; the least recently used are verified again. */
  readonly rememberedMax?: number
}

const ISSUER = 'votestream'
const AUDIENCE = 'votestream'
const ALGORITHM = 'HS256'

/**
 * Tokens are JWTs (RFC 7519): `sub` is the opaque user id, absent for an application; `scope` is a list
 * separated by spaces, as in RFC 9068. Verifying one costs as much as parsing a request, so a valid one is
 * remembered until it expires; an invalid one is not, so that a flood of them pushes nothing out.
 */
export const createTokens = ({
  secret,
  ids,
  ttlSeconds,
  now = Date.now,
  rememberedMax = 100_000,
}: TokensOptions): Tokens => {
  const sign = createSigner({ key: secret, algorithm: ALGORITHM })
  const check = createVerifier({
    key: secret,
    algorithms: [ALGORITHM],
    allowedIss: ISSUER,
    allowedAud: AUDIENCE,
    requiredClaims: ['iss', 'aud', 'exp', 'scope'],
  })
  const remembered = new LRUCache<string, Caller>({ max: rememberedMax })

  const verifyAnew = (token: string): Caller => {
    const claims = readClaims(check, token)
    const voter = claims.sub === undefined ? undefined : ids.parseUserId(claims.sub)
    if (claims.sub !== undefined && voter === undefined) throw new VotestreamError('UNAUTHENTICATED')
    const named = claims.scope.split(' ').filter(isScope)
    const scopes: ReadonlySet<Scope> = new Set(named.includes('admin') ? SCOPES : named)
    return { voter, userId: claims.sub, scopes, expiresAtMs: claims.exp * 1_000 }
  }

  return {
    issue({ voter, scopes, ttlSeconds: ownTtlSeconds = ttlSeconds }) {
      const issuedAt = Math.floor(now() / 1_000)
      return sign({
        iss: ISSUER,
        aud: AUDIENCE,
        ...(voter === undefined ? {} : { sub: ids.userId(voter) }),
        scope: scopes.join(' '),
        iat: issuedAt,
        exp: issuedAt + ownTtlSeconds,
      })
    },
    verify(token) {
      const known = remembered.get(token)
      const caller = known ?? verifyAnew(token)
      if (caller.expiresAtMs <= now()) {
        remembered.delete(token)
        throw new VotestreamError('UNAUTHENTICATED')
      }
      if (!known) remembered.set(token, caller)
      return caller
    },
  }
}

interface Claims {
  readonly sub: string | undefined
  readonly scope: string
  readonly exp: number
}

const readClaims = (check: (token: string) => unknown, token: string): Claims => {
  let claims: Partial<Record<keyof Claims, unknown>>
  try {
    // A verified payload is an object; each claim is looked at below.
    claims = check(token) as Partial<Record<keyof Claims, unknown>>
  } catch (cause) {
    throw new VotestreamError('UNAUTHENTICATED', { cause })
  }
  const { sub, scope, exp } = claims
  const readable = typeof scope === 'string' && typeof exp === 'number'
  if (!readable || (sub !== undefined && typeof sub !== 'string'))
    throw new VotestreamError('UNAUTHENTICATED')
  return { sub, scope, exp }
}
