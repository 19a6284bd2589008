import assert from 'node:assert/strict'
import { VotestreamError } from '@votestream/schema/errors'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createTokens } from '../../src/tokens.js'
import { createViewerTokens } from '../../src/viewer-tokens.js'

const SECOND_MS = 1_000

describe('tokens for visitors', () => {
  let nowMs: number
  const tokens = () =>
    createTokens({
      secret: 'a secret for tests',
      ids: createOpaqueIds('another secret'),
      ttlSeconds: 60,
      now: () => nowMs,
    })
  const create = (limits: { perAddress?: number; inTotal?: number; addressesMax?: number }) =>
    createViewerTokens({
      tokens: tokens(),
      perAddress: { burst: limits.perAddress ?? 100, perSecond: 0.5 },
      inTotal: { burst: limits.inTotal ?? 100, perSecond: 1 },
      addressesMax: limits.addressesMax ?? 10,
      now: () => nowMs,
    })
  const refusal = (run: () => unknown): VotestreamError => {
    try {
      run()
    } catch (error) {
      if (error instanceof VotestreamError) return error
      throw error
    }
    assert.fail('it was not refused')
  }

  beforeEach(() => {
    nowMs = Date.now()
  })

  it('read results and nothing else, for a quarter of an hour, and are nobody', () => {
    const token = create({}).issue('1.2.3.4')
    const caller = tokens().verify(token)
    assert.deepEqual([...caller.scopes], ['results:read'])
    assert.equal(caller.voter, undefined)
    nowMs += 15 * 60 * SECOND_MS + SECOND_MS
    assert.equal(refusal(() => tokens().verify(token)).code, 'UNAUTHENTICATED')
  })

  it('an address that asks too often is told when to come back, and others are not concerned', () => {
    const viewerTokens = create({ perAddress: 2 })
    viewerTokens.issue('1.2.3.4')
    viewerTokens.issue('1.2.3.4')
    const refused = refusal(() => viewerTokens.issue('1.2.3.4'))
    assert.equal(refused.code, 'RATE_LIMITED')
    assert.equal(refused.retryAfterSeconds, 2)
    viewerTokens.issue('5.6.7.8')
    nowMs += 2 * SECOND_MS
    viewerTokens.issue('1.2.3.4')
    refusal(() => viewerTokens.issue('1.2.3.4'))
  })

  it('all addresses together have a limit, too, and what is refused takes nothing from it', () => {
    const viewerTokens = create({ perAddress: 1, inTotal: 2 })
    viewerTokens.issue('1.2.3.4')
    for (let times = 0; times < 5; times += 1) refusal(() => viewerTokens.issue('1.2.3.4'))
    viewerTokens.issue('5.6.7.8')
    assert.equal(refusal(() => viewerTokens.issue('9.9.9.9')).code, 'RATE_LIMITED')
  })

  it('a clock that goes back refuses nobody for long', () => {
    const viewerTokens = create({ perAddress: 1 })
    viewerTokens.issue('1.2.3.4')
    nowMs -= 3_600 * SECOND_MS
    assert.equal(refusal(() => viewerTokens.issue('1.2.3.4')).retryAfterSeconds, 2)
    nowMs += 2 * SECOND_MS
    viewerTokens.issue('1.2.3.4')
  })
})
