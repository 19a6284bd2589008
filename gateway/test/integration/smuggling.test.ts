import assert from 'node:assert/strict'
import { voterNumber } from '@votestream/schema/numbers'
import type { CatalogEvent } from '../../src/event-catalog.js'
import { exchangeRaw, lastAnswer, openRaw, portOf } from '../raw-exchange.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

describe('requests within requests', () => {
  let gateway: TestGateway
  let port: number
  let event: CatalogEvent
  before(async () => {
    gateway = await startTestGateway()
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    port = portOf(gateway.app)
    event = await gateway.events.create(callerOf(7), {
      name: 'The Grand Final',
      contestants: [{ name: 'Ada', description: 'Sings.', imageUrl: 'https://a.example/1.jpg' }],
      opensAtMs: null,
      closesAtMs: null,
    })
  })
  after(() => gateway.stop())
  beforeEach(() => {
    gateway.submissions.length = 0
  })

  /** A vote as the door takes it; `lines` stand in place of its length. */
  const vote = (voter: number, lines?: (length: number) => string, body = ballot(voter)) => {
    const length = lines?.(body.length) ?? `Content-Length: ${body.length}\r\n`
    const token = gateway.userToken(voter)
    return `POST /v1/vote/submit HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer ${token}\r\n${length}\r\n${body}`
  }
  const ballot = (voter: number) =>
    JSON.stringify({
      user_id: gateway.ids.userId(voterNumber(voter)),
      event_id: event.id,
      contestant_id: event.contestantIds[0],
    })
  const chunks = (voter: number) => `${ballot(voter).length.toString(16)}\r\n${ballot(voter)}\r\n0\r\n\r\n`
  const get = (line: string, host = 'Host: a\r\n') => `${line}\r\n${host}\r\n`
  const header = (text: string) => vote(9, (length) => `Content-Length: ${length}\r\n${text}\r\n`)

  const malformed: Record<string, () => string> = {
    'a length and chunks': () =>
      vote(9, (length) => `Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n`),
    'chunks and a length': () =>
      vote(9, () => `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n`, chunks(9)),
    'two lengths': () => vote(9, (length) => `Content-Length: 0\r\nContent-Length: ${length}\r\n`),
    'the same length twice': () =>
      vote(9, (length) => `Content-Length: ${length}\r\nContent-Length: ${length}\r\n`),
    'a list of lengths': () => vote(9, (length) => `Content-Length: ${length}, ${length}\r\n`),
    'a length with a sign': () => vote(9, (length) => `Content-Length: +${length}\r\n`),
    'a length in hexadecimal': () => vote(9, (length) => `Content-Length: 0x${length.toString(16)}\r\n`),
    'an empty length': () => vote(9, () => 'Content-Length:\r\n'),
    'an encoding of another name': () => vote(9, () => 'Transfer-Encoding: xchunked\r\n', chunks(9)),
    'chunks that are not the last encoding': () =>
      vote(9, () => 'Transfer-Encoding: chunked, identity\r\n', chunks(9)),
    'chunks behind another encoding': () => vote(9, () => 'Transfer-Encoding: gzip, chunked\r\n', chunks(9)),
    'two encodings': () =>
      vote(9, () => 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', chunks(9)),
    'chunks twice': () =>
      vote(9, () => 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', chunks(9)),
    'chunks in HTTP/1.0': () =>
      vote(9, () => 'Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n', chunks(9)).replace(
        '1.1',
        '1.0',
      ),
    'a header on two lines': () => header('X-A: a\r\n b'),
    'an encoding on two lines': () => vote(9, () => 'Transfer-Encoding:\r\n chunked\r\n', chunks(9)),
    'lines that end in LF': () => vote(9).replaceAll('\r\n', '\n'),
    'one line that ends in LF': () => header('X-A: a\nX-B: b'),
    'a line that ends in CR': () => header('X-A: a\rX-B: b'),
    'a head that ends in LF': () => vote(9).replace('\r\n\r\n', '\r\n\n'),
    'a blank before the colon': () => vote(9, (length) => `Content-Length : ${length}\r\n`),
    'a blank before a header': () => header(' X-A: a'),
    'a header without a name': () => header(': a'),
    'a zero byte': () => header('X-A: a\0b'),
    'a size of a chunk that is none': () =>
      vote(9, () => 'Transfer-Encoding: chunked\r\n', chunks(9).replace(/^/, '0x')),
    'a chunk longer than it says': () =>
      vote(9, () => 'Transfer-Encoding: chunked\r\n', chunks(9).replace('}\r\n', '} \r\n')),
    'chunks that end in LF': () =>
      vote(9, () => 'Transfer-Encoding: chunked\r\n', chunks(9).replaceAll('\r\n', '\n')),
    'the address of another host': () => get('GET http://evil.example/healthz HTTP/1.1'),
    'the address of this host': () => get('GET http://a/healthz HTTP/1.1'),
    'an address with a fragment': () => get('GET /healthz#x HTTP/1.1'),
    'an address that is no path': () => get('GET healthz HTTP/1.1'),
    'an asterisk': () => get('GET * HTTP/1.1'),
    'no host': () => get('GET /healthz HTTP/1.1', ''),
    'two hosts': () => get('GET /healthz HTTP/1.1', 'Host: a\r\nHost: a\r\n'),
    'an empty host': () => get('GET /healthz HTTP/1.1', 'Host:\r\n'),
    'a host with a blank': () => get('GET /healthz HTTP/1.1', 'Host: a b\r\n'),
    'a host with a path': () => get('GET /healthz HTTP/1.1', 'Host: a/b\r\n'),
    'a host with a user': () => get('GET /healthz HTTP/1.1', 'Host: a@b\r\n'),
    'a host with two ports': () => get('GET /healthz HTTP/1.1', 'Host: a:80:81\r\n'),
    'HTTP/0.9': () => 'GET /healthz\r\n\r\n',
    'HTTP/2.0': () => get('GET /healthz HTTP/2.0'),
    'the beginning of HTTP/2': () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  }

  for (const [what, make] of Object.entries(malformed)) {
    it(`${what}: 400, the connection is closed, and nothing is done of it or what follows`, async () => {
      // What follows is a vote that would be taken if it were read as a request.
      const bytes = make() + vote(10)
      const alone = lastAnswer(await exchangeRaw(port, bytes))
      assert.deepEqual([alone.status, alone.code], [400, 'INVALID_REQUEST'])
      assert.match(alone.head, /connection: close/i)
      const kept = await openRaw(port)
      kept.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
      await kept.until(/ok\n$/)
      kept.socket.write(bytes, 'latin1')
      const later = await kept.closed
      assert.equal(later.split('HTTP/1.1 ').length - 1, 2, later)
      assert.equal(lastAnswer(later).status, 400)
      assert.deepEqual(gateway.submissions, [])
    })
  }

  it('TRACE and CONNECT are 405, and what follows is not done', async () => {
    for (const line of ['TRACE /healthz HTTP/1.1', 'TRACE / HTTP/1.1', 'CONNECT a:443 HTTP/1.1']) {
      const answer = await exchangeRaw(port, `${get(line)}${vote(10)}`)
      const { status, code } = lastAnswer(answer)
      assert.deepEqual([status, code], [405, 'METHOD_NOT_ALLOWED'], line)
      assert.doesNotMatch(answer, /TRACE|CONNECT/)
    }
    assert.deepEqual(gateway.submissions, [])
  })

  it('two good requests in one go are two, and a body is read as far as its length and no further', async () => {
    const { socket, until } = await openRaw(port)
    socket.write(vote(9) + vote(10))
    await until(/(vote_id[\s\S]*){2}/)
    assert.deepEqual(
      gateway.submissions.map(({ voter }) => Number(voter)),
      [9, 10],
    )
    // A length that is too short leaves the rest for what it says it is: no request.
    socket.write(vote(11, (length) => `Content-Length: ${length - 1}\r\n`))
    await until(/INVALID_JSON[\s\S]*INVALID_REQUEST/)
    assert.equal(gateway.submissions.length, 2)
    socket.destroy()
  })
})
