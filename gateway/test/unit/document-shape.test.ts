import assert from 'node:assert/strict'
import { shapeFault } from '../../src/graphql/document-shape.js'

const TOKENS_MAX = 9_000
const nested = (levels: number, open: string, close: string): string =>
  `{ a(b: ${open.repeat(levels)}${close.repeat(levels)}) }`

describe('the shape of a document', () => {
  it('has brackets of all kinds 250 deep at most', () => {
    for (const [open, close] of [
      ['{', '}'],
      ['[', ']'],
      ['(', ')'],
    ] as const) {
      assert.equal(shapeFault(nested(248, open, close), TOKENS_MAX), undefined)
      assert.match(shapeFault(nested(249, open, close), TOKENS_MAX) ?? '', /250 deep/)
    }
  })

  it('has 1,000 fragments at most, fields of that name not counted', () => {
    const fragments = (count: number) => 'fragment F on A { fragment } '.repeat(count)
    assert.equal(shapeFault(fragments(1_000), TOKENS_MAX), undefined)
    assert.match(shapeFault(fragments(1_001), TOKENS_MAX) ?? '', /1000 fragments/)
  })

  it('does not count what stands in texts and comments, and finds what stands behind them', () => {
    const brackets = '{'.repeat(300)
    for (const text of [`"${brackets}"`, `"\\"${brackets}"`, `"""${brackets} \\""" "" ${brackets}"""`]) {
      assert.equal(shapeFault(`{ a(b: ${text}) }`, TOKENS_MAX), undefined, text)
      assert.match(shapeFault(`{ a(b: ${text}) } ${brackets}`, TOKENS_MAX) ?? '', /250 deep/, text)
    }
    assert.equal(shapeFault(`{ a # ${brackets}\n}`, TOKENS_MAX), undefined)
    assert.match(shapeFault(`{ a # "\n} ${brackets}`, TOKENS_MAX) ?? '', /250 deep/)
  })

  it('leaves to the library what is no document, or longer than one may be', () => {
    assert.equal(shapeFault('{ a(b: "', TOKENS_MAX), undefined)
    assert.equal(shapeFault('\u0000', TOKENS_MAX), undefined)
    assert.equal(shapeFault(`${'a '.repeat(TOKENS_MAX + 1)}${'{'.repeat(300)}`, TOKENS_MAX), undefined)
  })
})
