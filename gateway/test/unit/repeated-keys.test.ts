import assert from 'node:assert/strict'
import fc from 'fast-check'
import { repeatedKey } from '../../src/repeated-keys.js'

const repeated = (text: string) => repeatedKey(text, JSON.parse(text))

describe('a name that is there twice', () => {
  it('is found at any depth, however it is written', () => {
    assert.equal(repeated('{"a":1,"b":2,"a":3}'), 'a')
    assert.equal(repeated('{"a":1,"\\u0061":3}'), 'a')
    assert.equal(repeated('[{"x":{"b":"{","b":[]}}]'), 'b')
    assert.equal(repeated('{"a\\"":1 , "a\\"" : 2}'), 'a"')
    assert.equal(repeated('{"":1,"":2}'), '')
    const deep = 100_000
    assert.equal(repeated(`${'['.repeat(deep)}{"a":1,"a":2}${']'.repeat(deep)}`), 'a')
  })

  it('is none where objects only look alike, and never in JSON as it is written by a library', () => {
    for (const text of [
      '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
      '{"a":"a","b":"\\\\","c":"\\"c\\":"}',
      '"a"',
      '[]',
      '7',
    ]) {
      assert.equal(repeated(text), undefined, text)
    }
    fc.assert(
      fc.property(fc.json({ maxDepth: 3, stringUnit: 'binary' }), (text) => {
        assert.equal(repeated(text), undefined)
      }),
    )
  })

  it('is found wherever it is put', () => {
    const key = fc.string({ unit: 'binary' }).filter((text) => text !== '__proto__')
    fc.assert(
      fc.property(key, fc.json(), fc.json(), (name, one, other) => {
        const quoted = JSON.stringify(name)
        assert.equal(repeated(`{"outer" : {${quoted}:${one}, ${quoted} :${other}}}`), name)
      }),
    )
  })
})
