import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { SCOPES } from '@votestream/schema/scopes'
import { createVerifier } from 'fast-jwt'
import { createTokens } from '../../src/tokens.js'

const ids = createOpaqueIds('a secret for tests')
const unauthenticated = (error: unknown) =>
  error instanceof VotestreamError && error.code === 'UNAUTHENTICATED'

/** A token as somebody makes it who has the secret. */
const signed = (
  secret: string,
  claims: Record<string, unknown> | null,
  head: Record<string, string> = { alg: 'HS256', typ: 'JWT' },
): string => {
  const standing = { iss: 'votestream', aud: 'votestream', exp: Math.floor(Date.now() / 1_000) + 60 }
  const parts = [head, claims && { ...standing, ...claims }]
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

describe('tokens', () => {
  let nowMs = 0
  const tokens = createTokens({ secret: 'secret', ids, ttlSeconds: 60, now: () => nowMs })
  beforeEach(() => {
    nowMs = Date.now()
  })

  it('say who asks and what is allowed', () => {
    const voter = voterNumber(42)
    const caller = tokens.verify(tokens.issue({ voter, scopes: ['votes'] }))
    assert.equal(caller.voter, voter)
    assert.equal(caller.userId, ids.userId(voter))
    assert.deepEqual([...caller.scopes], ['votes'])
  })

  it('of an application are of no user', () => {
    const caller = tokens.verify(tokens.issue({ scopes: ['accounts:register'] }))
    assert.equal(caller.voter, undefined)
    assert.equal(caller.userId, undefined)
  })

  it('with the scope admin allow everything', () => {
    const caller = tokens.verify(tokens.issue({ scopes: ['admin'] }))
    assert.deepEqual([...caller.scopes], [...SCOPES])
  })

  it('expire to the second', () => {
    const token = tokens.issue({ voter: voterNumber(1), scopes: ['votes'] })
    const expiresAtMs = (Math.floor(nowMs / 1_000) + 60) * 1_000
    tokens.verify(token)
    nowMs = expiresAtMs - 1
    tokens.verify(token)
    nowMs = expiresAtMs
    assert.throws(() => tokens.verify(token), unauthenticated)
    assert.throws(() => tokens.verify(token), unauthenticated)
  })

  it('last as long as was asked for', () => {
    const token = tokens.issue({ scopes: ['votes'], ttlSeconds: 120 })
    nowMs += 61_000
    tokens.verify(token)
    nowMs += 60_000
    assert.throws(() => tokens.verify(token), unauthenticated)
  })

  it('of another secret are refused', () => {
    const other = createTokens({ secret: 'another', ids, ttlSeconds: 60 })
    assert.throws(() => tokens.verify(other.issue({ scopes: ['votes'] })), unauthenticated)
  })

  it('are JWTs that any library verifies', () => {
    const issued = tokens.issue({ voter: voterNumber(7), scopes: ['votes', 'results:read'] })
    const { sub, scope } = createVerifier({
      key: 'secret',
      allowedIss: 'votestream',
      allowedAud: 'votestream',
    })(issued)
    assert.deepEqual([sub, scope], [ids.userId(voterNumber(7)), 'votes results:read'])
  })

  it('of any length and any secret are signed as RFC 2104 has it', () => {
    for (const secret of ['s', 's'.repeat(64), 's'.repeat(65), 'ß'.repeat(100)]) {
      const own = createTokens({ secret, ids, ttlSeconds: 60 })
      assert.equal(own.verify(signed(secret, { scope: `votes ${'x'.repeat(2_000)}` })).scopes.size, 1)
    }
  })

  it('with anything changed are refused', () => {
    const token = tokens.issue({ voter: voterNumber(1), scopes: ['votes'] })
    for (let at = 0; at < token.length; at += 1) {
      const letter = token.charCodeAt(at)
      // Another letter; one whose lowest byte is the same; none.
      for (const other of [String.fromCharCode(letter ^ 1), String.fromCharCode(letter + 256), '']) {
        const changed = token.slice(0, at) + other + token.slice(at + 1)
        assert.throws(() => tokens.verify(changed), unauthenticated, changed)
      }
    }
  })

  it('of another kind are refused, though the secret is right', () => {
    const claims = { scope: 'votes' }
    tokens.verify(signed('secret', claims))
    for (const wrong of [
      signed('secret', claims, { alg: 'none' }),
      signed('secret', claims, { alg: 'HS512', typ: 'JWT' }),
      signed('secret', claims, { typ: 'JWT', alg: 'HS256' }),
      signed('secret', { ...claims, iss: 'somebody' }),
      signed('secret', { ...claims, aud: ['votestream'] }),
      signed('secret', { ...claims, sub: 'nobody' }),
      signed('secret', { ...claims, sub: null }),
      signed('secret', { ...claims, exp: String(nowMs) }),
      signed('secret', { ...claims, exp: null }),
      signed('secret', { ...claims, scope: ['votes'] }),
      signed('secret', null),
      '',
      '..',
      'x'.repeat(20_000),
    ]) {
      assert.throws(() => tokens.verify(wrong), unauthenticated, wrong)
    }
  })
})
