import assert from 'node:assert/strict'
import { textHash } from '@votestream/schema/operation-text'
import { OPERATION_BYTES_MAX } from '@votestream/schema/registered-operation'
import { buildSchema } from 'graphql'
import { readFiles } from '../../src/operations/registrable.js'

const schema = buildSchema(`
  type Query { me: User event(id: ID!): Event }
  type User { id: ID! username: String! friend: User }
  type Event { id: ID! }
  type Mutation { vote(id: ID!): ID! }
`)
const read = (text: string, name = 'a.graphql') => readFiles(schema, [{ name, text }])
const manifest = (operations: unknown, over: object = {}) =>
  JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations, ...over })

describe('the files of operations to register', () => {
  it('hold each operation by itself, with the fragments that it uses', () => {
    const text = `
      query A { me { ...U } }
      mutation B($id: ID!) { vote(id: $id) }
      fragment U on User { id }`
    const { registrable, faults } = read(text)
    assert.deepEqual(faults, [])
    assert.deepEqual(
      registrable.map(({ operation, hashes }) => [operation.type, operation.name, operation.text, hashes]),
      [
        ['query', 'A', 'query A{me{...U}}fragment U on User{id}', []],
        ['mutation', 'B', 'mutation B($id:ID!){vote(id:$id)}', []],
      ],
    )
  })

  it('name an operation that stands alone by the hash of their text, too', () => {
    const texts = ['query A { me { id } }\n', 'query A {\n  me { id }\n}']
    const { registrable } = readFiles(
      schema,
      texts.map((text, at) => ({ name: `${at}`, text })),
    )
    assert.equal(registrable.length, 1)
    assert.deepEqual(registrable[0]?.hashes, texts.map(textHash))
  })

  it('may be manifests of Apollo, in which each id is the hash of its text', () => {
    const body = 'query A {\n  me {\n    id\n    __typename\n  }\n}'
    const entry = { id: textHash(body), name: 'A', type: 'query', body }
    const { registrable, faults } = read(manifest([entry]), 'manifest.json')
    assert.deepEqual(faults, [])
    assert.deepEqual(registrable[0]?.hashes, [entry.id])
  })

  it('are refused with the file, the place and what is wrong, all at once', () => {
    const files = {
      'syntax.graphql': 'query A {\n  me {',
      'field.graphql': 'query A {\n  me { id nobody }\n}\nquery B { nothing }',
      'variable.graphql': 'query A { event(id: $id) { id } }',
      'empty.graphql': '',
      'fragment.graphql': 'fragment U on User { id }',
      'alone.graphql': '{ me { id } } query B { me { id } }',
      'twice.graphql': 'query A { me { id } } query A { me { id } }',
      'long.graphql': `query A { ${'event(id: "x") { id } '.repeat(4_000)} }`,
      'deep.graphql': `query A { me { ${'friend { '.repeat(30)}id${' }'.repeat(30)} } }`,
      'types.graphql': 'type A { id: ID }',
      'other.json': '{"operations":[]}',
      'none.json': manifest([]),
      'id.json': manifest([{ id: 'a', body: 'query A { me { id } }' }]),
      'foreign.json': manifest([{ id: textHash('{ other }'), body: 'query A { me { id } }' }]),
      'body.json': manifest([{ id: 'a' }, null]),
    }
    const { faults, registrable } = readFiles(
      schema,
      Object.entries(files).map(([name, text]) => ({ name, text })),
    )
    const expected = [
      /^syntax\.graphql:2:7: Syntax Error/,
      /^field\.graphql:2:11: Cannot query field "nobody" on type "User"/,
      /^field\.graphql:4:11: Cannot query field "nothing"/,
      /^variable\.graphql:1:21: Variable "\$id" is not defined/,
      /^empty\.graphql:1:1: Syntax Error: Unexpected <EOF>/,
      /^fragment\.graphql:1:1: Fragment "U" is never used/,
      /^alone\.graphql:1:1: This anonymous operation must be the only/,
      /^twice\.graphql:1:7: There can be only one operation named "A"/,
      /^long\.graphql:1:22004: .*tokens/,
      /^deep\.graphql:1:1: An operation may be 20 deep/,
      /^types\.graphql:1:1: The "A" definition is not executable/,
      /^other\.json: is neither a document of GraphQL nor a manifest/,
      /^none\.json: holds no operation/,
      /^id\.json: operations\[0\]: its id is not the SHA-256 of its body/,
      /^foreign\.json: operations\[0\]: its id is not the SHA-256 of its body/,
      /^body\.json: operations\[0\]: has no body/,
      /^body\.json: operations\[1\]: has no body/,
    ]
    for (const sentence of expected)
      assert.ok(
        faults.some((fault) => sentence.test(fault)),
        `${sentence} in\n${faults.join('\n')}`,
      )
    assert.deepEqual(new Set(faults.map((fault) => fault.split(':', 1)[0])), new Set(Object.keys(files)))
    assert.ok(Array.isArray(registrable))
  })

  it('hold no operation that is larger than a gateway takes', () => {
    const long = (length: number) => `query A { event(id: "${'x'.repeat(length)}") { id } }`
    assert.deepEqual(read(long(OPERATION_BYTES_MAX - 100)).faults, [])
    const [fault] = read(long(OPERATION_BYTES_MAX)).faults
    assert.match(fault ?? '', /^a\.graphql: A has 65\d{3} bytes without blanks; 65536 are allowed$/)
  })
})
