import assert from 'node:assert/strict'
import { parse } from 'graphql'
import { operationTexts, textHash } from '../../src/operation-text.js'

const texts = (document: string) => operationTexts(parse(document)).map(({ text }) => text)

describe('the text of an operation', () => {
  it('is the same however the operation was written', () => {
    const ways = [
      'query A($id: ID!) { event(id: $id) { ...F ...G } } fragment F on Event { id } fragment G on Event { name }',
      'fragment G on Event{name}query A($id:ID!){event(id:$id){...F...G}}fragment F on Event{id}',
      '# Which event?\nquery A(\n  $id: ID!,\n) {\n  event(id: $id) {\n ...F, ...G } }\nfragment G on Event { name }\nfragment F on Event { id }',
    ]
    assert.equal(new Set(ways.flatMap(texts)).size, 1)
  })

  it('is another one for whatever asks for something else', () => {
    const ways = [
      '{ event(id: "a") { id } }',
      '{ event(id: "b") { id } }',
      '{ event(id: "a") { id name } }',
      '{ event(id: "a") { name id } }',
      '{ e: event(id: "a") { id } }',
      'query A { event(id: "a") { id } }',
      'mutation A { event(id: "a") { id } }',
      '{ event(id: "a") { id @include(if: true) } }',
      '{ event(id: "a") { ...F } } fragment F on Event { id }',
      '{ event(id: "a") { ...F } } fragment F on Event { name }',
    ]
    assert.equal(new Set(ways.flatMap(texts)).size, ways.length)
  })

  it('holds the fragments that its operation uses, and no other definition', () => {
    const document = `
      query A { me { ...F } } mutation B { logout }
      fragment F on User { ...G } fragment G on User { id } fragment Unused on User { id }`
    assert.deepEqual(texts(document), [
      'query A{me{...F}}fragment F on User{...G}fragment G on User{id}',
      'mutation B{logout}',
    ])
  })

  it('is not told where two operations have one name, or none has any', () => {
    for (const document of ['{ a } { b }', 'query A { a } query A { b }', 'fragment F on User { id }'])
      assert.deepEqual(operationTexts(parse(document)), [])
  })

  it('stays as it is from one version to the next: records stand under its hash', () => {
    const document = `
      query All($a: [Int!]! = [1, 2], $b: In = { c: "x\\n\\u00e9", d: """ block
        text """ }) @live {
        a: field(a: $a, b: $b, e: ENUM, n: null, f: 1.50) @include(if: true) { ... on T { id } ... @skip(if: false) { x } ...F }
      }
      fragment F on T { __typename }`
    const [operation] = operationTexts(parse(document))
    assert.equal(operation?.id, textHash(operation?.text ?? ''))
    assert.equal(operation?.id, '02d8db1f5f9a7767348cb00fcc4b3366da2731c63189c210bf6944111880ad81')
  })
})
