import assert from 'node:assert/strict'
import { buildSchema, type GraphQLField } from 'graphql'
import { guardSchema } from '../../src/graphql/of-operation.js'
import { createInertServer } from './inert-server.js'

describe('the policy', () => {
  it('lets no server start with a route that names no operation', async () => {
    const start = createInertServer({
      plugins: [async (app) => void app.get('/forgotten', async () => 'open to everybody')],
    })
    await assert.rejects(start, /GET \/forgotten names no operation of the policy/)
  })

  it('lets no schema be made with a root field that names no operation', () => {
    const schema = buildSchema('type Query { forgotten: Int known: Int }')
    const field = schema.getQueryType()?.getFields().known as GraphQLField<unknown, unknown>
    field.extensions = { operation: 'login' }
    assert.throws(() => guardSchema(schema), /Query\.forgotten names no operation of the policy/)
    const unknown = buildSchema('type Query { misnamed: Int }')
    const misnamed = unknown.getQueryType()?.getFields().misnamed as GraphQLField<unknown, unknown>
    misnamed.extensions = { operation: 'toString' }
    assert.throws(() => guardSchema(unknown), /Query\.misnamed names no operation/)
  })
})
