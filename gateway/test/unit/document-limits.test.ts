import assert from 'node:assert/strict'
import { buildSchema } from 'graphql'
import { readGatewayEnvironment } from '../../src/environment.js'
import { documentLimitsOf } from '../../src/front-door-variables.js'
import { DOCUMENT_LIMITS, type DocumentLimits } from '../../src/graphql/document-limits.js'
import { createDocuments } from '../../src/graphql/documents.js'

const schema = buildSchema('type Query { a: Int, of: Query, all: [Query!]! }')
const times = (count: number, text: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => text(at)).join(' ')

/** A document that asks for so much of one thing, and of nothing else much. */
const documents: Record<keyof DocumentLimits, (count: number) => string> = {
  depthMax: (count) => `{ ${'of { '.repeat(count - 1)}a ${'}'.repeat(count - 1)} }`,
  // Under names of their own: the library compares what has the same one, pair by pair, and gives up after a while.
  fieldsMax: (count) => `{ ${times(count, (at) => `a${at}: a`)} }`,
  aliasesMax: (count) => `{ ${times(count, (at) => `a${at}: a`)} }`,
  directivesMax: (count) => `{ ${times(count, (at) => `a${at}: a @skip(if: false)`)} }`,
  // A list is taken to have 20.
  costMax: (count) => `{ all { ${times(Math.ceil((count - 1) / 20), (at) => `a${at}: a`)} } }`,
  tokensMax: (count) =>
    `{ ${times(Math.floor((count - 2) / 3), (at) => `a${at}: a`)} ${times((count - 2) % 3, () => 'a')} }`,
}

const VARIABLES: Record<keyof DocumentLimits, string> = {
  depthMax: 'GRAPHQL_DEPTH_MAX',
  fieldsMax: 'GRAPHQL_FIELDS_MAX',
  aliasesMax: 'GRAPHQL_ALIASES_MAX',
  directivesMax: 'GRAPHQL_DIRECTIVES_MAX',
  costMax: 'GRAPHQL_COST_MAX',
  tokensMax: 'GRAPHQL_TOKENS_MAX',
}
const BOUNDS: Record<keyof DocumentLimits, readonly [number, number]> = {
  depthMax: [5, 100],
  fieldsMax: [10, 10_000],
  aliasesMax: [1, 10_000],
  directivesMax: [1, 1_000],
  costMax: [500, 1_000_000],
  tokensMax: [100, 100_000],
}
const secrets = { JWT_SECRET: 'j'.repeat(32), ID_SECRET: 'i'.repeat(32) }
const read = (name: string, value: number): DocumentLimits =>
  documentLimitsOf(readGatewayEnvironment({ ...secrets, [name]: String(value) }))

/** So much that no other limit is met. */
const PLENTY: DocumentLimits = {
  depthMax: 1_000,
  fieldsMax: 1_000_000,
  aliasesMax: 1_000_000,
  directivesMax: 1_000_000,
  costMax: 100_000_000,
  tokensMax: 1_000_000,
}

describe('the limits of a GraphQL document', () => {
  for (const limit of Object.keys(DOCUMENT_LIMITS) as (keyof DocumentLimits)[]) {
    it(`are kept at what is set, lowered and raised alike: ${limit}`, () => {
      for (const most of [40, DOCUMENT_LIMITS[limit], DOCUMENT_LIMITS[limit] + 20]) {
        const check = createDocuments({
          schema,
          introspection: true,
          documentLimits: { ...PLENTY, [limit]: most },
        })
        check({ query: documents[limit](limit === 'costMax' ? most - 20 : most) })
        assert.throws(() => check({ query: documents[limit](most + 21) }), new RegExp(String(most)))
      }
    })
  }

  it('are those of the environment, within their bounds alone', () => {
    assert.deepEqual(documentLimitsOf(readGatewayEnvironment(secrets)), DOCUMENT_LIMITS)
    for (const [limit, [least, most]] of Object.entries(BOUNDS) as [
      keyof DocumentLimits,
      [number, number],
    ][]) {
      const name = VARIABLES[limit]
      for (const value of [least, most])
        assert.deepEqual(read(name, value), { ...DOCUMENT_LIMITS, [limit]: value })
      for (const value of [0, least - 1, most + 1, 7.5])
        assert.throws(() => read(name, value), new RegExp(`${name}: `))
    }
  })
})
