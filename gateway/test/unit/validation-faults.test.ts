import assert from 'node:assert/strict'
import { buildSchema, parse, specifiedRules } from 'graphql'
import { subscriptionFault, validationFaults } from '../../src/graphql/validation-faults.js'

const schema = buildSchema(`
  type Query { a: Int, of: Query }
  type Subscription { board(id: ID!): Board }
  type Board { version: Int, of: Board }
`)

const FOLLOWED = 'board(id: "a")'
const RESTED = '{ version }'

describe('a subscription that may be left out', () => {
  const conditional: Readonly<Record<string, string>> = {
    'by a variable that includes it': `subscription($w: Boolean!) { ${FOLLOWED} @include(if: $w) ${RESTED} }`,
    'by a variable that skips it': `subscription($w: Boolean!) { ${FOLLOWED} @skip(if: $w) ${RESTED} }`,
    'by a variable with a default': `subscription($w: Boolean! = false) { ${FOLLOWED} @include(if: $w) ${RESTED} }`,
    'by a constant': `subscription { ${FOLLOWED} @skip(if: true) ${RESTED} }`,
    'though a constant keeps it in': `subscription { ${FOLLOWED} @include(if: true) ${RESTED} }`,
    'by the use of a fragment': `subscription($w: Boolean!) { ...F @include(if: $w) } fragment F on Subscription { ${FOLLOWED} ${RESTED} }`,
    'by a fragment without a name': `subscription($w: Boolean!) { ... on Subscription @skip(if: $w) { ${FOLLOWED} ${RESTED} } }`,
    'within a fragment that comes first': `fragment F on Subscription { ${FOLLOWED} @include(if: $w) ${RESTED} } subscription($w: Boolean!) { ...F }`,
    'within fragments of fragments': `subscription($w: Boolean!) { ...F } fragment F on Subscription { ... { ...G } } fragment G on Subscription { ${FOLLOWED} @include(if: $w) ${RESTED} }`,
    'behind a comment': `subscription($w: Boolean!) { ${FOLLOWED} @ # a sign\n include(if: $w) ${RESTED} }`,
    'beside a query': `query A { a } subscription B($w: Boolean!) { ${FOLLOWED} @include(if: $w) ${RESTED} }`,
    'among fragments in a circle': `subscription($w: Boolean!) { ...F } fragment F on Subscription { ...G } fragment G on Subscription { ...F ${FOLLOWED} @skip(if: $w) ${RESTED} }`,
  }
  for (const [name, text] of Object.entries(conditional)) {
    it(`is a fault of the document: ${name}`, () => {
      assert.match(validationFaults(schema, parse(text), specifiedRules)[0]?.message ?? '', /neither @skip/)
      assert.match(subscriptionFault(schema, text, 100)?.message ?? '', /neither @skip/)
    })
  }

  it('is none where a condition stands below the field, in another operation, or nowhere', () => {
    for (const text of [
      `subscription($w: Boolean!) { ${FOLLOWED} { version @include(if: $w) of @skip(if: $w) { version } } }`,
      `subscription { ...F } fragment F on Subscription { ${FOLLOWED} ${RESTED} }`,
      'query subscription($w: Boolean!) { a @include(if: $w) }',
      `subscription S { ${FOLLOWED} ${RESTED} } query Q($w: Boolean!) { ...A } fragment A on Query { a @skip(if: $w) }`,
    ]) {
      assert.deepEqual(validationFaults(schema, parse(text), specifiedRules), [], text)
      assert.equal(subscriptionFault(schema, text, 100), undefined, text)
    }
  })

  it('leaves every other fault to the rules', () => {
    const [fault] = validationFaults(schema, parse('subscription { nothing }'), specifiedRules)
    assert.match(fault?.message ?? '', /nothing/)
    assert.equal(subscriptionFault(schema, 'subscription { @skip', 100), undefined)
  })
})
