import assert from 'node:assert/strict'
import fc from 'fast-check'
import { outcomeOf } from '../../../src/load/outcomes.js'
import { parseResponse } from '../../../src/load/response.js'

const withLength = (status: number, body: string, more = ''): string =>
  `HTTP/1.1 ${status} Text\r\nDate: now\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const chunked = (parts: readonly string[], trailer = ''): string => {
  const chunks = parts.map((part) => `${Buffer.byteLength(part).toString(16)};x=1\r\n${part}\r\n`)
  return `HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n${chunks.join('')}0\r\n${trailer}\r\n`
}

const whole = (text: string | Buffer, ended = false) => {
  const parsed = parseResponse(Buffer.from(text), ended)
  assert.equal(parsed.is, 'whole')
  assert.ok(parsed.is === 'whole')
  return { ...parsed, body: parsed.body.toString() }
}

describe('an answer as it comes over the wire', () => {
  const answers: readonly (readonly [name: string, text: string, status: number, body: string])[] = [
    ['with a length', withLength(200, '{"vote_id":"ä"}'), 200, '{"vote_id":"ä"}'],
    ['with an empty body', withLength(200, ''), 200, ''],
    ['in chunks', chunked(['{"a":', '"\r\n0\r\n\r\n"}']), 200, '{"a":"\r\n0\r\n\r\n"}'],
    ['in chunks, with a trailer', chunked(['ok'], 'x-sum: 1\r\n'), 200, 'ok'],
    ['that has no body', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
    [
      'behind an interim one',
      `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${withLength(409, 'no')}`,
      409,
      'no',
    ],
    [
      'whose body looks like a head',
      withLength(200, 'HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\n'),
      200,
      'HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\n',
    ],
  ]
  for (const [name, text, status, body] of answers) {
    it(`${name} is whole with its last byte, and not before`, () => {
      const bytes = Buffer.from(text)
      const parsed = whole(bytes)
      assert.deepEqual([parsed.status, parsed.body, parsed.length], [status, body, bytes.length])
      for (let length = 0; length < bytes.length; length += 1) {
        assert.equal(parseResponse(bytes.subarray(0, length)).is, 'incomplete', `after ${length} bytes`)
      }
    })
  }

  it('without a length is whole when the server has closed its side', () => {
    const text = 'HTTP/1.1 200 OK\r\n\r\nsome'
    assert.equal(parseResponse(Buffer.from(text)).is, 'incomplete')
    assert.deepEqual([whole(text, true).body, whole(text, true).closes], ['some', true])
    assert.equal(parseResponse(Buffer.from(withLength(200, 'some').slice(0, -1)), true).is, 'malformed')
  })

  it('says whether its connection can be used again', () => {
    assert.equal(whole(withLength(200, '')).closes, false)
    assert.equal(whole(withLength(200, '', 'Connection: close\r\n')).closes, true)
    assert.equal(whole(withLength(200, '').replace('1.1', '1.0')).closes, true)
  })

  it('tells how long it is when more stands behind it', () => {
    const text = withLength(200, 'ok')
    assert.equal(whole(`${text}HTTP`).length, text.length)
  })

  it('that is none is malformed, and no bytes make the parser throw', () => {
    for (const text of ['SSH-2.0\r\n\r\n', 'HTTP/1.1 9x\r\n\r\n', chunked(['ok']).replace('2;', 'zz;')]) {
      assert.equal(parseResponse(Buffer.from(text)).is, 'malformed')
    }
    const noise = fc.array(
      fc.constantFrom('HTTP/1.1 200', '\r\n', 'content-length: 3', '5', ': ', 'chunked', 'x'),
    )
    fc.assert(
      fc.property(
        noise,
        fc.boolean(),
        (parts, ended) => void parseResponse(Buffer.from(parts.join('')), ended),
      ),
    )
  })
})

describe('what became of a request', () => {
  const outcome = (success: 'status' | 'graphql', status: number, body: string): string => {
    const { is, code } = outcomeOf(success, status, Buffer.from(body))
    return `${is} ${code}`
  }

  it('is told by the status and the code of a problem', () => {
    assert.equal(outcome('status', 200, '{"vote_id":"a"}'), 'acknowledged 200')
    assert.equal(
      outcome('status', 409, '{"status":409,"code":"DUPLICATE_VOTE"}'),
      'refused 409 DUPLICATE_VOTE',
    )
    assert.equal(outcome('status', 502, '<html>'), 'refused 502')
  })

  it('is told by the errors of GraphQL, whatever the status', () => {
    assert.equal(outcome('graphql', 200, '{"data":{"submitVote":{"id":"a"}}}'), 'acknowledged 200')
    const refused = '{"data":null,"errors":[{"message":"no","extensions":{"code":"VOTING_CLOSED"}}]}'
    assert.equal(outcome('graphql', 200, refused), 'refused 200 VOTING_CLOSED')
    assert.equal(outcome('graphql', 200, '{"errors":[{"message":"no"}]}'), 'refused 200')
    assert.equal(
      outcome('graphql', 200, '{"data":{"name":"\\"errors\\"","list":{"errors":[]}}}'),
      'acknowledged 200',
    )
    assert.equal(outcome('graphql', 429, '{"code":"RATE_LIMITED"}'), 'refused 429 RATE_LIMITED')
  })
})
