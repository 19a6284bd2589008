import assert from 'node:assert/strict'
import { exchanged, exchangeFault, retired } from '../../src/keys/key-exchange.js'

const DAY_MS = 86_400_000

describe('an exchange of keys', () => {
  const first = { jwtSecret: 'a', idSecret: 'kept' }

  it('keeps the key before, and none that was before that', () => {
    const second = exchanged(first, 'b', 1)
    assert.deepEqual(second, { jwtSecret: 'b', otherJwtSecret: 'a', jwtExchangedAtMs: 1, idSecret: 'kept' })
    assert.deepEqual(exchanged(second, 'c', 2), {
      jwtSecret: 'c',
      otherJwtSecret: 'b',
      jwtExchangedAtMs: 2,
      idSecret: 'kept',
    })
    assert.deepEqual(retired(second), { jwtSecret: 'b', jwtExchangedAtMs: 1, idSecret: 'kept' })
  })

  it('says whose tokens it would end', () => {
    const second = exchanged(first, 'b', 0)
    assert.equal(exchangeFault('rotate', first, 0), undefined)
    assert.equal(exchangeFault('list', second, 1), undefined)
    for (const command of ['rotate', 'retire']) {
      assert.match(exchangeFault(command, second, 60_000) ?? '', /1 minutes ago: users/)
      assert.match(exchangeFault(command, second, DAY_MS) ?? '', /Applications/)
    }
  })
})
