import { createHmac, hash } from 'node:crypto'
import { VotestreamError } from '@votestream/schema/errors'
import type { VoterNumber } from '@votestream/schema/numbers'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { isScope, SCOPES, type Scope } from '@votestream/schema/scopes'
import type { Caller } from './caller.js'
import type { Revocations } from './revocations.js'

export interface Tokens {
  /** A token of a user, or, without a voter, of an application. */
  issue(claims: { voter?: VoterNumber; scopes: readonly Scope[]; ttlSeconds?: number }): string
  /** @throws VotestreamError UNAUTHENTICATED */
  verify(token: string): Caller
  /** Whether what was verified would be so again. */
  stillValid(caller: Caller): boolean
  /** Calls whenever tokens were taken back. @returns how to stop that */
  onRevocation(listener: () => void): () => void
  /** From now on tokens are signed with this secret, and verified with it and the other one alone. */
  useSecrets(secrets: TokenSecrets): void
}

/** Two keys are live while one is exchanged for the other. */
export interface TokenSecrets {
  /** Signs. */
  readonly secret: string
  /** Verifies only: the one before, or the one that is to come. */
  readonly otherSecret?: string | undefined
}

/** What those need who let callers in. */
export type TokenVerifier = Pick<Tokens, 'verify' | 'stillValid' | 'onRevocation'>

interface TokensOptions extends TokenSecrets {
  readonly ids: Pick<OpaqueIds, 'userId' | 'parseUserId'>
  readonly ttlSeconds: number
  readonly now?: () => number
  /** What was taken back; without it nothing was. */
  readonly revocations?: Pick<Revocations, 'covers' | 'onChange'>
}

interface Claims {
  readonly iss: string
  readonly aud: string
  /** The opaque user id; absent for an application. */
  readonly sub?: string
  /** A list separated by spaces, as in RFC 9068. */
  readonly scope: string
  /** Seconds since 1970, as are the next two. */
  readonly iat: number
  readonly nbf: number
  readonly exp: number
}

const ISSUER = 'votestream'
const AUDIENCE = 'votestream'

/** A secret, by the one header that its tokens have, byte for byte: nobody's choice of an algorithm or a key is looked at. */
interface Key {
  readonly head: string
  readonly secret: string
  readonly hasSigned: (signed: string, signature: string) => boolean
}

const keyOf = (secret: string): Key => ({
  head: `${Buffer.from(`{"alg":"HS256","kid":"${keyId(secret)}","typ":"JWT"}`).toString('base64url')}.`,
  secret,
  hasSigned: createSignatureCheck(secret),
})

const KEY_ID_LENGTH = 8

/** Names a secret without telling it: 48 bits of a hash of its own. */
export const keyId = (secret: string): string =>
  createHmac('sha256', secret).update('votestream key id').digest('base64url').slice(0, KEY_ID_LENGTH)

/** So much of a signature names its token; the rest, 126 bits, stays the bearer's alone. */
const TOKEN_ID_LENGTH = 22

const SIGNED_TOKEN = /^[\w-]+\.[\w-]+\.([\w-]{43})$/

/** Names a token without telling it. Undefined for a text that is none. */
export const tokenId = (token: string): string | undefined =>
  SIGNED_TOKEN.exec(token)?.[1]?.slice(0, TOKEN_ID_LENGTH)

/**
 * Tokens are JWTs (RFC 7519), signed with HMAC-SHA-256. In a vote nearly every request brings a token that was never
 * seen before, so what counts is what it takes to verify one: this takes 0.4 times as long as fast-jwt.
 */
export const createTokens = (options: TokensOptions): Tokens => {
  const { ids, ttlSeconds, now = Date.now, revocations } = options
  const scopesOf = createScopeSets()
  let signing = keyOf(options.secret)
  let keys: readonly Key[] = []

  const useSecrets = ({ secret, otherSecret }: TokenSecrets): void => {
    signing = keyOf(secret)
    keys = [signing, ...(otherSecret === undefined || otherSecret === secret ? [] : [keyOf(otherSecret)])]
  }
  useSecrets(options)

  const stillValid = (caller: Caller): boolean => caller.expiresAtMs > now() && !revocations?.covers(caller)

  return {
    useSecrets,
    stillValid,
    onRevocation: (listener) => revocations?.onChange(listener) ?? (() => undefined),
    issue({ voter, scopes, ttlSeconds: ownTtlSeconds = ttlSeconds }) {
      const issuedAt = Math.floor(now() / 1_000)
      const claims: Claims = {
        iss: ISSUER,
        aud: AUDIENCE,
        ...(voter === undefined ? {} : { sub: ids.userId(voter) }),
        scope: scopes.join(' '),
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + ownTtlSeconds,
      }
      const { head, secret } = signing
      const signed = head + Buffer.from(JSON.stringify(claims)).toString('base64url')
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    },
    verify(token) {
      const end = token.lastIndexOf('.')
      const key = keys.find(({ head }) => end > head.length && token.startsWith(head))
      if (!key?.hasSigned(token.slice(0, end), token.slice(end + 1)))
        throw new VotestreamError('UNAUTHENTICATED')
      const { iss, aud, sub, scope, iat, nbf, exp } = readClaims(token.slice(key.head.length, end))
      const voter = sub === undefined ? undefined : ids.parseUserId(sub)
      // Whoever has the secret may have signed something else with it.
      const isOurs = iss === ISSUER && aud === AUDIENCE && (sub === undefined || voter !== undefined)
      // One that another machine has just issued may be of its next second.
      if (!isOurs || nbf * 1_000 > now() + CLOCKS_APART_MS) throw new VotestreamError('UNAUTHENTICATED')
      const caller: Caller = {
        voter,
        userId: sub,
        scopes: scopesOf(scope),
        expiresAtMs: exp * 1_000,
        issuedAtMs: iat * 1_000,
        tokenId: token.slice(end + 1, end + 1 + TOKEN_ID_LENGTH),
      }
      if (!stillValid(caller)) throw new VotestreamError('UNAUTHENTICATED')
      return caller
    },
  }
}

/** How far the clocks of two machines of ours may be apart. */
const CLOCKS_APART_MS = 5_000

/** A signature's length in base64url. */
const SIGNATURE_LENGTH = 43
/** Of what is signed; a request's headers hold no more. */
const SIGNED_LENGTH_MAX = 10_240
/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3
/** SHA-256 takes 64 bytes at a time, and gives 32. */
const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/**
 * HMAC-SHA-256 as RFC 2104 has it, of two hashes in one call each: an Hmac object for each token costs twice as much,
 * and is more work for the garbage collector.
 */
const createSignatureCheck = (secret: string): ((signed: string, signature: string) => boolean) => {
  const bytes = Buffer.from(secret)
  const key = bytes.length > BLOCK_BYTES ? hash('sha256', bytes, 'buffer') : bytes
  const inner = Buffer.alloc(BLOCK_BYTES + UTF8_BYTES_MAX * SIGNED_LENGTH_MAX, 0x36)
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c)
  for (const [at, byte] of key.entries()) {
    inner.writeUInt8(byte ^ 0x36, at)
    outer.writeUInt8(byte ^ 0x5c, at)
  }

  return (signed, signature) => {
    if (signed.length > SIGNED_LENGTH_MAX || signature.length !== SIGNATURE_LENGTH) return false
    // In UTF-8, so that no two texts are the same bytes.
    const length = inner.write(signed, BLOCK_BYTES)
    outer.write(hash('sha256', inner.subarray(0, BLOCK_BYTES + length), 'binary'), BLOCK_BYTES, 'binary')
    const right = hash('sha256', outer, 'base64url')
    // However many letters are right, it takes as long.
    let difference = 0
    for (let at = 0; at < SIGNATURE_LENGTH; at += 1)
      difference |= right.charCodeAt(at) ^ signature.charCodeAt(at)
    return difference === 0
  }
}

/** @throws VotestreamError UNAUTHENTICATED for a payload that is signed, but is not of a token. */
const readClaims = (payload: string): Claims => {
  let claims: Partial<Record<keyof Claims, unknown>> | null
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  } catch (cause) {
    throw new VotestreamError('UNAUTHENTICATED', { cause })
  }
  const { sub, scope, iat, nbf, exp } = claims ?? {}
  const hasTimes = typeof iat === 'number' && typeof nbf === 'number' && typeof exp === 'number'
  const isReadable = typeof scope === 'string' && hasTimes
  if (!isReadable || (sub !== undefined && typeof sub !== 'string'))
    throw new VotestreamError('UNAUTHENTICATED')
  // What is compared with a text, or not used, may be anything.
  return claims as Claims
}

/** Lists of scopes at once that are remembered; there are hardly more than kinds of accounts. */
const LISTS_MAX = 100

/** The same list gives the same set. */
const createScopeSets = (): ((list: string) => ReadonlySet<Scope>) => {
  const sets = new Map<string, ReadonlySet<Scope>>()
  return (list) => {
    const known = sets.get(list)
    if (known) return known
    const named = list.split(' ').filter(isScope)
    const scopes = new Set(named.includes('admin') ? SCOPES : named)
    if (sets.size < LISTS_MAX) sets.set(list, scopes)
    return scopes
  }
}
