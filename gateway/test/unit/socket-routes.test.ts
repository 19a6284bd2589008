import assert from 'node:assert/strict'
import { buildSchema } from 'graphql'
import { checkRoutes, ROUTES_MAX } from '../../src/graphql/socket-routes.js'

describe('the routes of sockets', () => {
  const schemaOf = (queries: number) => {
    const fields = Array.from({ length: queries }, (_, index) => `q${index}: Int`).join(' ')
    return buildSchema(`type Query { ${fields} } type Mutation { m: Int } type Subscription { s: Int }`)
  }

  it('are 300 at most: queries, mutations and subscriptions together', () => {
    checkRoutes(schemaOf(ROUTES_MAX - 2))
    assert.throws(
      () => checkRoutes(schemaOf(ROUTES_MAX - 1)),
      /has 301 operations for sockets; there may be 300/,
    )
  })
})
