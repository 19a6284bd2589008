import assert from 'node:assert/strict'
import { createPasswords } from '../../src/passwords.js'

describe('passwords', () => {
  const passwords = createPasswords()

  it('are kept as argon2id with 19 MiB and two passes', async () => {
    const stored = await passwords.hash('correct horse')
    assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.equal(await passwords.verify(stored, 'correct horse'), true)
    assert.equal(await passwords.verify(stored, 'correct hors'), false)
    assert.notEqual(stored, await passwords.hash('correct horse'))
  })

  it('match nothing where there is no hash', async () => {
    assert.equal(await passwords.verify(undefined, 'correct horse'), false)
  })

  it('are the same however their characters were composed', async () => {
    const stored = await passwords.hash('Schlu\u0308ssel')
    assert.equal(await passwords.verify(stored, 'Schl\u00fcssel'), true)
  })

  it('beyond the waiting line are turned away, and the line goes on', async () => {
    const busy = createPasswords({ concurrency: 1, waitingMax: 1 })
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map((each) => busy.hash(`password ${each}`)))
    assert.ok(outcomes.some(({ status }) => status === 'rejected'))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        assert.equal(outcome.reason.code, 'OVERLOADED')
        assert.equal(outcome.reason.retryAfterSeconds, 2)
      }
    }
    assert.equal(outcomes[0]?.status, 'fulfilled')
    await busy.hash('later')
  })
})
