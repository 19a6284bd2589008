import assert from 'node:assert/strict'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { SCOPES } from '@votestream/schema/scopes'
import { createTokens } from '../../src/tokens.js'

const ids = createOpaqueIds('a secret for tests')
const unauthenticated = (error: unknown) =>
  error instanceof VotestreamError && error.code === 'UNAUTHENTICATED'

describe('tokens', () => {
  let nowMs = 0
  const tokens = createTokens({ secret: 'secret', ids, ttlSeconds: 60, now: () => nowMs, rememberedMax: 2 })
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

  it('expire to the second, also when they are remembered', () => {
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

  it('are verified again when more are about than are remembered', () => {
    const issued = [1, 2, 3, 4].map((voter) => tokens.issue({ voter: voterNumber(voter), scopes: ['votes'] }))
    for (const token of [...issued, ...issued]) tokens.verify(token)
    assert.equal(tokens.verify(issued[0] ?? '').voter, 1)
  })

  it('of another secret are refused', () => {
    const other = createTokens({ secret: 'another', ids, ttlSeconds: 60 })
    assert.throws(() => tokens.verify(other.issue({ scopes: ['votes'] })), unauthenticated)
  })
})
