import { createHmac } from 'node:crypto'
import { createTokens } from '@votestream/gateway/tokens'
import { voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { type Attack, type Place, VOTE_PATH, voteOf } from './place.js'

/** Of a good token: its parts, and a signer that knows the secret. */
const forging = ({ system, voter }: Place) => {
  const { userId, token } = voter()
  const [head = '', claims = '', signature = ''] = token.split('.')
  const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const sign = (text: string, secret = system.jwtSecret, hash = 'sha256') =>
    `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`
  return {
    userId,
    token,
    head,
    claims,
    signature,
    header: read(head) as object,
    body: read(claims) as Record<string, unknown>,
    encode,
    sign,
    /** Signed as ours are, with another header or other claims. */
    withHeader: (header: object) => sign(`${encode({ ...read(head), ...header })}.${claims}`),
    withClaims: (body: Record<string, unknown>) => sign(`${head}.${encode({ ...read(claims), ...body })}`),
  }
}

type Forging = ReturnType<typeof forging>

const seconds = (fromNow: number): number => Math.floor(Date.now() / 1_000) + fromNow
/** Somebody's public key, used as if it were our secret. */
const PUBLIC_KEY =
  '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n'

const FORGED: Readonly<Record<string, (forged: Forging) => string>> = {
  'alg none, unsigned': ({ encode, claims }) => `${encode({ alg: 'none', typ: 'JWT' })}.${claims}.`,
  'alg none with the old signature': ({ encode, claims, signature }) =>
    `${encode({ alg: 'none', typ: 'JWT' })}.${claims}.${signature}`,
  'alg nOnE': ({ encode, claims }) => `${encode({ alg: 'nOnE', typ: 'JWT' })}.${claims}.`,
  'HS512 with our secret': ({ encode, header, claims, sign }) =>
    sign(`${encode({ ...header, alg: 'HS512' })}.${claims}`, undefined, 'sha512'),
  'HS384 named, HS256 used': ({ withHeader }) => withHeader({ alg: 'HS384' }),
  'key confusion: RS256 named, a public key as the secret': ({ encode, header, claims, sign }) =>
    sign(`${encode({ ...header, alg: 'RS256' })}.${claims}`, PUBLIC_KEY),
  'key confusion: HS256 with a public key': ({ head, claims, sign }) => sign(`${head}.${claims}`, PUBLIC_KEY),
  'an empty secret': ({ head, claims, sign }) => sign(`${head}.${claims}`, ''),
  'kid that leaves its folder': ({ encode, header, claims, sign }) =>
    sign(`${encode({ ...header, kid: '../../../../dev/null' })}.${claims}`, ''),
  'kid with a statement in it': ({ withHeader }) => withHeader({ kid: "1' UNION SELECT 'secret'--" }),
  'kid that nobody has': ({ withHeader }) => withHeader({ kid: 'another' }),
  'kid __proto__': ({ withHeader }) => withHeader({ kid: '__proto__' }),
  'a key of its own in the header': ({ encode, header, claims, sign }) =>
    sign(`${encode({ ...header, jwk: { kty: 'oct', k: 'c2VjcmV0' } })}.${claims}`, 'secret'),
  'a place to get the key from': ({ withHeader }) => withHeader({ jku: 'http://127.0.0.1:1/keys' }),
  'a critical extension': ({ withHeader }) => withHeader({ crit: ['b64'], b64: false }),
  'the same header, written in another order': ({ encode, header, claims, sign }) =>
    sign(`${encode(Object.fromEntries(Object.entries(header).reverse()))}.${claims}`),
  'no signature': ({ head, claims }) => `${head}.${claims}.`,
  'two parts': ({ head, claims }) => `${head}.${claims}`,
  'four parts': ({ token }) => `${token}.x`,
  'a cut signature': ({ token }) => token.slice(0, -1),
  'a padded signature': ({ token }) => `${token}=`,
  'a signature with one letter changed': ({ head, claims, signature }) =>
    `${head}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
  'claims of somebody else under the old signature': ({ head, body, signature, encode }) =>
    `${head}.${encode({ ...body, scope: 'admin' })}.${signature}`,
  expired: ({ withClaims }) => withClaims({ exp: seconds(-5) }),
  'that never expires': ({ withClaims }) => withClaims({ exp: undefined }),
  'whose expiry is a text': ({ withClaims }) => withClaims({ exp: String(seconds(60)) }),
  'whose expiry is no number': ({ withClaims }) => withClaims({ exp: null }),
  'of the future': ({ withClaims }) => withClaims({ nbf: seconds(3_600), iat: seconds(3_600) }),
  'of a foreign issuer': ({ withClaims }) => withClaims({ iss: 'https://issuer.example' }),
  'of no issuer': ({ withClaims }) => withClaims({ iss: undefined }),
  'for a foreign audience': ({ withClaims }) => withClaims({ aud: 'another-service' }),
  'for several audiences': ({ withClaims }) => withClaims({ aud: ['votestream', 'another-service'] }),
  'whose subject is a number': ({ withClaims }) => withClaims({ sub: 7 }),
  'whose subject is nothing': ({ withClaims }) => withClaims({ sub: '' }),
  'whose scopes are a list': ({ withClaims }) => withClaims({ scope: ['votes', 'admin'] }),
  'claims that are no object': ({ head, sign, encode }) => sign(`${head}.${encode('admin')}`),
  'claims that are null': ({ head, sign, encode }) => sign(`${head}.${encode(null)}`),
  'claims that are no JSON': ({ head, sign }) => sign(`${head}.${Buffer.from('{').toString('base64url')}`),
  'of 9,000 letters': ({ head, sign }) => sign(`${head}.${'A'.repeat(9_000)}`),
}

const overRest: Attack[] = Object.entries(FORGED).map(([name, forge]) => ({
  name: `a token ${name}`,
  expect: '401 UNAUTHENTICATED',
  async send(place) {
    const forged = forging(place)
    return place.rest({ path: VOTE_PATH, token: forge(forged), body: voteOf(place, forged.userId) })
  },
}))

const foreign = (name: string, issue: (place: Place) => string): Attack => ({
  name,
  expect: '401 UNAUTHENTICATED',
  send: (place) =>
    place.rest({ path: VOTE_PATH, token: issue(place), body: voteOf(place, place.voter().userId) }),
})

/** An `Authorization` as it stands. */
const header = (name: string, authorization: (token: string) => string): Attack => ({
  name,
  expect: '401 UNAUTHENTICATED',
  async send(place) {
    const { userId, token } = place.voter()
    return place.rest({
      path: VOTE_PATH,
      headers: { authorization: authorization(token) },
      body: voteOf(place, userId),
    })
  },
})

export const tokenAttacks: readonly Attack[] = [
  ...overRest,
  foreign('a token of another system with the same identifiers', ({ system }) =>
    createTokens({
      secret: 'a foreign secret of more than 32 letters',
      ids: system.ids,
      ttlSeconds: 60,
    }).issue({
      voter: voterNumber(7),
      scopes: USER_SCOPES,
    }),
  ),
  foreign('a token whose subject is encrypted with a foreign key', ({ system }) =>
    createTokens({ secret: system.jwtSecret, ids: createOpaqueIds('foreign'), ttlSeconds: 60 }).issue({
      voter: voterNumber(7),
      scopes: USER_SCOPES,
    }),
  ),
  {
    name: 'no token',
    expect: '401 UNAUTHENTICATED',
    send: (place) => place.rest({ path: VOTE_PATH, body: voteOf(place, place.voter().userId) }),
  },
  header('a token without its scheme', (token) => token),
  header('a token with the scheme Basic', (token) => `Basic ${token}`),
  header('two tokens in one header', (token) => `Bearer ${token}, Bearer ${token}`),
  header('a token behind another word', (token) => `Bearer Bearer ${token}`),
  header('a scheme without a token', () => 'Bearer '),
  {
    name: 'a forged token over GraphQL',
    expect: '401 UNAUTHENTICATED',
    send: (place) =>
      place.graphql({ query: '{ me { id } }' }, { token: forging(place).withClaims({ exp: 1 }) }),
  },
  {
    name: 'a forged token on a socket',
    expect: '4403',
    send: (place) => {
      const Authorization = `Bearer ${forging(place).withClaims({ exp: 1 })}`
      return place.socket([{ type: 'connection_init', payload: { Authorization } }])
    },
  },
]
