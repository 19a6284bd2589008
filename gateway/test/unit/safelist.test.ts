import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { createLogger } from '@votestream/infra/logging'
import { operationTexts, textHash } from '@votestream/schema/operation-text'
import {
  encodeOperation,
  OPERATIONS_MAX,
  type RegisteredOperation,
} from '@votestream/schema/registered-operation'
import fc from 'fast-check'
import { parse } from 'graphql'
import type { Deadline } from '../../src/deadlines.js'
import { createOperationDoor } from '../../src/graphql/operation-door.js'
import { createOperationBook } from '../../src/graphql/registered-operations.js'
import { createSafelist, registeredText } from '../../src/graphql/safelist.js'

const VOTE = `mutation Vote($input: SubmitVoteInput!) { submitVote(input: $input) { ...Own ...Event } }
fragment Own on Vote { id status }
fragment Event on Vote { event { id name } }`

const recordOf = (text: string, hashes = [textHash(text)]): RegisteredOperation => {
  const [operation] = operationTexts(parse(text))
  assert.ok(operation)
  return { version: 1, ...operation, hashes, registeredAtMs: 1_700_000_000_000 }
}

const put = (record: RegisteredOperation, key = record.id) => ({
  ...{ key, operation: 'PUT' as const },
  value: encodeOperation(record),
})
const removed = (key: string) => ({ key, operation: 'DEL' as const, value: new Uint8Array() })

const openBook = (builtIn: readonly string[] = []) => {
  const lines: string[] = []
  const logger = createLogger('test', 'info', { destination: { write: (line) => lines.push(line) } })
  const book = createOperationBook(
    builtIn.flatMap((text) => operationTexts(parse(text))),
    logger,
  )
  const register = (text: string) => book.learn(put(recordOf(text)))
  return { book, register, lines, safelist: createSafelist(book) }
}

const byHash = (sha256Hash: unknown, version: unknown = 1) => ({
  extensions: { persistedQuery: { version, sha256Hash } },
})

describe('the safelist', () => {
  it('lets a registered operation through however it is formatted, as it was sent', () => {
    const { register, safelist } = openBook()
    register(VOTE)
    const tokens = VOTE.match(/\.\.\.|\w+|[^\s\w]/g) ?? []
    const ignored = fc.array(fc.constantFrom(' ', '\n', '\r\n', ',', '\t', '# a comment }\n', '\uFEFF'), {
      minLength: 1,
      maxLength: 3,
    })
    const blanks = fc.array(ignored, { minLength: tokens.length, maxLength: tokens.length })
    fc.assert(
      fc.property(blanks, (between) => {
        const query = tokens.map((token, at) => token + between[at]?.join('')).join('')
        assert.equal(safelist.textOf({ query }), query)
      }),
    )
  })

  it('lets it through with its fragments in another order', () => {
    const { register, safelist } = openBook()
    register(VOTE)
    const query = VOTE.split('\n').reverse().join('\n')
    assert.equal(safelist.textOf({ query }), query)
  })

  it('refuses everything else', () => {
    const { register, safelist } = openBook()
    register(VOTE)
    register('{ me { id } }')
    const refused: unknown[] = [
      '{ me { id username } }',
      '{ own: me { id } }',
      'query Me { me { id } }',
      '{ me { id } } { events { totalCount } }',
      '{ me { id } } query Other { events { totalCount } }',
      'query A { me { id } } query A { me { id } }',
      // The last one of a name is registered; nobody asked for that alone.
      '{ events { totalCount } } { me { id } }',
      VOTE.replace('id status', 'id status reason'),
      VOTE.replace('$input: SubmitVoteInput!', '$input: SubmitVoteInput'),
      'fragment Own on Vote { id status }',
      '{ __schema { types { name } } }',
      '{',
      `{ ${'a { '.repeat(20_000)}`,
      '',
      ' ',
      7,
      null,
      undefined,
      [VOTE],
      { kind: 'Document' },
    ]
    for (const query of refused) {
      assert.equal(safelist.textOf({ query }), undefined, String(query).slice(0, 100))
      assert.throws(() => registeredText(safelist, { query }), { code: 'OPERATION_NOT_REGISTERED' })
    }
  })

  it('finds the text by the hash of the text that was registered, and by the id', () => {
    const { register, safelist } = openBook()
    register(VOTE)
    const { id, text } = recordOf(VOTE)
    for (const hash of [textHash(VOTE), id]) {
      assert.equal(safelist.textOf(byHash(hash)), text)
      // As graphql-ws asks for it, which needs a text.
      assert.equal(safelist.textOf({ query: '', ...byHash(hash) }), text)
    }
    for (const hash of [
      textHash('{ me { id } }'),
      id.toUpperCase(),
      '',
      'a',
      7,
      null,
      { toString: () => id },
    ])
      assert.equal(safelist.textOf(byHash(hash)), undefined)
    assert.equal(safelist.textOf(byHash(id, 2)), undefined)
    for (const extensions of [null, 7, 'x', [], { persistedQuery: null }, { persistedQuery: id }])
      assert.equal(safelist.textOf({ extensions }), undefined)
  })

  it('goes by the text where both are sent: a hash lets nothing through', () => {
    const { register, safelist } = openBook()
    register(VOTE)
    for (const query of ['{ events { totalCount } }', 7, []])
      assert.equal(safelist.textOf({ query, ...byHash(textHash(VOTE)) }), undefined)
  })

  it('refuses what was removed, which it remembers as parsed, and lets it through when it is registered again', () => {
    const { book, register, safelist } = openBook()
    register(VOTE)
    assert.ok(safelist.textOf({ query: VOTE }))
    const { id } = recordOf(VOTE)
    book.learn(removed(id))
    for (const asked of [{ query: VOTE }, byHash(id), byHash(textHash(VOTE))])
      assert.equal(safelist.textOf(asked), undefined)
    register(VOTE)
    assert.ok(safelist.textOf({ query: VOTE }))
  })

  it('tells whoever follows a document once an operation of it was removed, and nobody else', () => {
    const { book, register, safelist } = openBook()
    const texts = ['query A { me { id } }', 'query B { me { id } }']
    for (const text of texts) register(text)
    const [a = '', b = ''] = texts.map((text) => recordOf(text).id)
    const told: string[] = []
    const follow = (name: string, text: string) =>
      safelist.onRemoval(parse(text), () => {
        told.push(name)
      })
    follow('a', texts[0] ?? '')
    follow('both', texts.join('\n'))
    follow('b', texts[1] ?? '')
    follow('left', texts[0] ?? '')()
    register(texts[0] ?? '')
    assert.deepEqual(told, [])
    book.learn(removed(a))
    assert.deepEqual(told, ['a', 'both'])
    book.learn(removed(b))
    assert.deepEqual(told, ['a', 'both', 'both', 'b'])
    follow('late', texts[0] ?? '')
    assert.equal(told.at(-1), 'late')
  })

  it('is asked by the door, which takes what is registered by its text as by its hash, and leaves the rest', async () => {
    const { register, safelist } = openBook()
    register(VOTE)
    const executed: string[] = []
    const door = createOperationDoor({
      safelist,
      known: {
        learn: () => undefined,
        costOf: () => 1,
        async answer({ query }) {
          executed.push(query)
          return 'answered'
        },
      },
      entries: { of: () => ({ caller: undefined }) },
      contextOf: () => assert.fail(),
      formatError: () => assert.fail(),
    })
    // Of a request the door looks at its headers alone.
    const request = { headers: {} } as IncomingMessage
    const take = async (body: object) =>
      (await door.take(request, Buffer.from(JSON.stringify(body)), {} as Deadline))?.body
    const variables = { input: {} }
    for (const asked of [{ query: VOTE }, byHash(textHash(VOTE))])
      assert.equal(await take({ ...asked, variables }), 'answered')
    assert.deepEqual(executed, [VOTE, recordOf(VOTE).text])
    for (const asked of [{ query: '{ me { id } }' }, byHash('a'.repeat(64)), [{ query: VOTE }], {}])
      assert.equal(await take(asked), undefined)
    assert.equal(executed.length, 2)
  })

  it('keeps what is built in, whatever is removed', () => {
    const { book, safelist } = openBook([VOTE])
    const { id, text } = recordOf(VOTE)
    assert.equal(safelist.textOf({ query: VOTE }), VOTE)
    book.learn(put(recordOf(VOTE)))
    assert.equal(safelist.textOf(byHash(textHash(VOTE))), text)
    book.learn(removed(id))
    assert.equal(safelist.textOf({ query: VOTE }), VOTE)
    assert.equal(safelist.textOf(byHash(id)), text)
    assert.equal(safelist.textOf(byHash(textHash(VOTE))), undefined)
  })

  it('takes no record that cannot be read, nor one of another operation than its key says, and logs it', () => {
    const { book, safelist, lines } = openBook()
    const record = recordOf(VOTE)
    const other = recordOf('{ me { id } }')
    const faulty = [
      put({ ...record, version: 2 as 1 }),
      put({ ...record, hashes: ['x'] }),
      put({ ...other, text: record.text }, record.id),
      put(record, other.id),
      { ...put(record), value: Buffer.from('{') },
    ]
    for (const entry of faulty) book.learn(entry)
    assert.equal(lines.length, faulty.length)
    for (const asked of [{ query: VOTE }, byHash(record.id), byHash(other.id)])
      assert.equal(safelist.textOf(asked), undefined)
  })

  it('takes at most twice as many as may be registered', () => {
    const { book, register, safelist } = openBook()
    for (let at = 0; at < 2 * OPERATIONS_MAX + 5; at += 1) register(`query Q${at} { me { id } }`)
    assert.ok(safelist.textOf({ query: `query Q${2 * OPERATIONS_MAX - 1} { me { id } }` }))
    assert.equal(safelist.textOf({ query: `query Q${2 * OPERATIONS_MAX} { me { id } }` }), undefined)
    book.learn(removed(recordOf('query Q0 { me { id } }').id))
    register('query Late { me { id } }')
    assert.ok(safelist.textOf({ query: 'query Late { me { id } }' }))
  })

  it('stops at the first operation that is not registered, however many a text holds', () => {
    let asked = 0
    const has = (): boolean => {
      asked += 1
      return false
    }
    const safelist = createSafelist({ has, textOf: () => undefined, onRemoval: () => () => undefined })
    const text = Array.from({ length: 50 }, (_, at) => `query Q${at} { me { id } }`).join(' ')
    assert.equal(safelist.textOf({ query: text }), undefined)
    assert.equal(asked, 1)
  })
})
