import assert from 'node:assert/strict'
import { textFault } from '../../src/text-fields.js'

describe('passwords', () => {
  it('the most common ones are refused, in whatever case', () => {
    for (const common of ['password', 'Password1', '12345678', 'QWERTYUIOP', 'iloveyou1'])
      assert.match(textFault('password', common) ?? '', /most common/, common)
  })

  it('those that nobody guesses are taken, and a login may be tried with any', () => {
    assert.equal(textFault('password', 'correct horse battery staple'), undefined)
    assert.equal(textFault('password', 'correct horse'), undefined)
    assert.equal(textFault('any-password', 'password'), undefined)
  })
})
