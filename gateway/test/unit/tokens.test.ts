import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { SCOPES } from '@votestream/schema/scopes'
import { createVerifier } from 'fast-jwt'
import { createRevocationBook } from '../../src/revocations.js'
import { createTokens, keyId, tokenId } from '../../src/tokens.js'

const ids = createOpaqueIds('a secret for tests')
const unauthenticated = (error: unknown) =>
  error instanceof VotestreamError && error.code === 'UNAUTHENTICATED'

/** A token as somebody makes it who has the secret. */
const signed = (
  secret: string,
  claims: Record<string, unknown> | null,
  head: Record<string, string> = { alg: 'HS256', kid: keyId(secret), typ: 'JWT' },
): string => {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const times = { iat: nowSeconds, nbf: nowSeconds, exp: nowSeconds + 60 }
  const standing = { iss: 'votestream', aud: 'votestream', ...times }
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
      signed('secret', claims, { alg: 'HS512', kid: keyId('secret'), typ: 'JWT' }),
      signed('secret', claims, { kid: keyId('secret'), alg: 'HS256', typ: 'JWT' }),
      signed('secret', claims, { alg: 'HS256', typ: 'JWT' }),
      signed('secret', claims, { alg: 'HS256', kid: 'another', typ: 'JWT' }),
      signed('secret', claims, { alg: 'HS256', kid: '../../dev/null', typ: 'JWT' }),
      signed('', claims, { alg: 'HS256', kid: keyId('secret'), typ: 'JWT' }),
      signed('secret', { ...claims, nbf: Math.floor(nowMs / 1_000) + 60 }),
      signed('secret', { ...claims, nbf: null }),
      signed('secret', { ...claims, iat: 'now' }),
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

  describe('while their keys are exchanged', () => {
    const exchanging = () => createTokens({ secret: 'old', ids, ttlSeconds: 60 })
    const own = { scopes: ['votes'] as const }

    it('are good with both, and signed with one', () => {
      const changed = exchanging()
      const before = changed.issue(own)
      changed.useSecrets({ secret: 'new', otherSecret: 'old' })
      const after = changed.issue(own)
      for (const token of [before, after]) changed.verify(token)
      const withNewAlone = createTokens({ secret: 'new', ids, ttlSeconds: 60 })
      withNewAlone.verify(after)
      assert.throws(() => withNewAlone.verify(before), unauthenticated)
    })

    it('are refused with the one that is gone, and never by the name of the other', () => {
      const changed = exchanging()
      const before = changed.issue(own)
      changed.useSecrets({ secret: 'new' })
      assert.throws(() => changed.verify(before), unauthenticated)
      changed.useSecrets({ secret: 'new', otherSecret: 'old' })
      const crossed = signed('old', { scope: 'votes' }, { alg: 'HS256', kid: keyId('new'), typ: 'JWT' })
      assert.throws(() => changed.verify(crossed), unauthenticated)
    })
  })

  describe('that were taken back', () => {
    const book = createRevocationBook({ error: () => undefined })
    const revocable = createTokens({
      secret: 'secret',
      ids,
      ttlSeconds: 60,
      now: () => nowMs,
      revocations: book,
    })
    const take = (key: string, beforeMs: number | null) =>
      book.learn({
        key,
        operation: beforeMs === null ? 'DEL' : 'PUT',
        value: Buffer.from(JSON.stringify({ version: 1, beforeMs, untilMs: 0 })),
      })
    const tokenOf = (voter: number) => revocable.issue({ voter: voterNumber(voter), scopes: ['votes'] })
    const isGood = (token: string): boolean => {
      try {
        revocable.verify(token)
        return true
      } catch (error) {
        assert.ok(unauthenticated(error))
        return false
      }
    }
    afterEach(() => {
      for (const key of ['all', 'user.1', 'user.2']) take(key, null)
    })

    it('one alone, are refused, also when they were verified before', () => {
      const [token, other] = [tokenOf(1), tokenOf(2)]
      const caller = revocable.verify(token)
      take(`token.${tokenId(token)}`, nowMs)
      assert.deepEqual([isGood(token), isGood(other), revocable.stillValid(caller)], [false, true, false])
    })

    it('of a user, are refused where they were issued before', () => {
      const [token, other] = [tokenOf(1), tokenOf(2)]
      take('user.1', nowMs + 1_000)
      assert.deepEqual([isGood(token), isGood(other)], [false, true])
      nowMs += 2_000
      assert.deepEqual([isGood(token), isGood(tokenOf(1))], [false, true])
    })

    it('all, are refused where they were issued before, those of applications too', () => {
      const [token, application] = [tokenOf(1), revocable.issue({ scopes: ['accounts:register'] })]
      take('all', nowMs + 1_000)
      assert.deepEqual([isGood(token), isGood(application)], [false, false])
      nowMs += 2_000
      assert.ok(isGood(tokenOf(1)))
    })

    it('are told to whoever listens, and a record that cannot be read takes nothing back', () => {
      let told = 0
      const stop = revocable.onRevocation(() => (told += 1))
      book.learn({ key: 'all', operation: 'PUT', value: Buffer.from('{"version":2}') })
      assert.ok(isGood(tokenOf(3)))
      take('user.2', nowMs)
      stop()
      take('user.2', null)
      assert.equal(told, 2)
    })
  })

  it('that were taken back are told of once, however often a watch shows them', () => {
    const taken: unknown[] = []
    const book = createRevocationBook({ error: () => undefined }, (revoked) => taken.push(revoked))
    const learn = (key: string, beforeMs: number) =>
      book.learn({
        key,
        operation: 'PUT',
        value: Buffer.from(JSON.stringify({ version: 1, beforeMs, untilMs: 0 })),
      })
    for (let times = 0; times < 2; times += 1)
      for (const key of ['token.abc', 'user.7', 'all']) learn(key, 1_000)
    learn('user.7', 2_000)
    assert.deepEqual(taken, [
      { kind: 'token', tokenId: 'abc' },
      { kind: 'user', voter: 7 },
      { kind: 'all' },
      { kind: 'user', voter: 7 },
    ])
  })

  it('have names that tell nothing, and texts that are none have none', () => {
    const token = tokens.issue({ scopes: ['votes'] })
    assert.equal(tokenId(token)?.length, 22)
    for (const text of ['', 'x', 'a.b.c', `${token}x`, token.slice(1, 20)])
      assert.equal(tokenId(text), undefined)
  })
})
