import assert from 'node:assert/strict'
import { parse } from 'graphql'
import { operationCost } from '../../src/graphql/operation-cost.js'

describe('what an operation costs', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['a query', '{ a b c }', 1],
    ['a subscription', 'subscription { a }', 1],
    ['a mutation', 'mutation { a { x y } }', 1],
    ['the same mutation under other names', 'mutation { one: a two: a three: a }', 3],
    [
      'mutations in fragments, as often as these are used',
      'mutation { ...F ...F ... { b } } fragment F on M { a ...G } fragment G on M { c d }',
      7,
    ],
    ['mutations that may be skipped', 'mutation ($s: Boolean!) { a @skip(if: $s) b @include(if: $s) }', 2],
  ]
  for (const [name, text, cost] of cases) {
    it(`is ${cost} for ${name}`, () => assert.equal(operationCost(parse(text), undefined), cost))
  }

  it('is of the operation that is named', () => {
    const document = parse('query Q { a } mutation M { a b }')
    assert.deepEqual([operationCost(document, 'Q'), operationCost(document, 'M')], [1, 2])
  })

  it('is 100 for 100 mutations', () => {
    const aliases = Array.from({ length: 100 }, (_, index) => `m${index}: a`).join(' ')
    assert.equal(operationCost(parse(`mutation { ${aliases} }`), undefined), 100)
  })
})
