import { type Attack, type Place, VOTE_PATH, voteOf } from './place.js'

/** The head of a vote, with its own lines, and its body. */
const vote = (place: Place, lines: readonly string[], body?: string): string => {
  const { userId, token } = place.voter()
  const text = body ?? JSON.stringify(voteOf(place, userId))
  const head = [
    `POST ${VOTE_PATH} HTTP/1.1`,
    'Host: votes.example',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    ...lines.map((line) => line.replace('LENGTH', String(Buffer.byteLength(text)))),
  ]
  return `${head.join('\r\n')}\r\n\r\n${text}`
}

const MALFORMED = '400 INVALID_REQUEST'

const syntax = (
  name: string,
  bytes: (place: Place) => string | Buffer,
  expect: Attack['expect'] = MALFORMED,
): Attack => ({
  name,
  expect,
  send: (place) => place.raw(bytes(place)),
})

const get = (...lines: string[]): string => ['GET /healthz HTTP/1.1', ...lines, '', ''].join('\r\n')
const HOST = 'Host: votes.example'

/** As many bytes of request line and headers as wanted. */
const headOf = (bytes: number): string => {
  const start = `GET /healthz HTTP/1.1\r\n${HOST}\r\nX-Filler: `
  return `${start}${'x'.repeat(bytes - start.length - 4)}\r\n\r\n`
}

/**
 * A request that hides another one in what one reader takes for its body, and another reader does not. The hidden one
 * is a vote: nothing of it may be carried out, whatever the first one is answered.
 */
const smuggled = (name: string, lines: readonly string[], before: string): Attack => ({
  name,
  expect: 'answered once, with 400, and the vote that was hidden not cast',
  async send(place) {
    const hiddenVoter = place.voter()
    const text = JSON.stringify(voteOf(place, hiddenVoter.userId))
    const hidden = [
      `POST ${VOTE_PATH} HTTP/1.1`,
      HOST,
      `Authorization: Bearer ${hiddenVoter.token}`,
      'Content-Type: application/json',
      `Content-Length: ${text.length}`,
      '',
      text,
    ].join('\r\n')
    const came = await place.exchange(
      [`POST ${VOTE_PATH} HTTP/1.1`, HOST, ...lines, '', `${before}${hidden}`].join('\r\n'),
    )
    const statuses = [...came.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
    // Whoever has not voted may still.
    const own = await place.rest({
      path: VOTE_PATH,
      token: hiddenVoter.token,
      body: voteOf(place, hiddenVoter.userId),
    })
    const cast = own === '200' ? 'not cast' : `cast (${own})`
    return `answered ${statuses.length === 1 ? 'once' : `${statuses.length} times`}, with ${statuses.join()}, and the vote that was hidden ${cast}`
  },
})

export const syntaxAttacks: readonly Attack[] = [
  syntax('10,241 bytes of request line and headers', () => headOf(10_241), '431 HEADERS_TOO_LARGE'),
  syntax('10,240 bytes of request line and headers', () => headOf(10_240), '200'),
  syntax(
    'a path of 20,000 letters',
    () => `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n\r\n`,
    '431 HEADERS_TOO_LARGE',
  ),
  syntax(
    '2,000 headers',
    () => get(HOST, ...Array.from({ length: 2_000 }, (_, at) => `a${at}: b`)),
    '431 HEADERS_TOO_LARGE',
  ),
  syntax('two lengths that differ', (place) => vote(place, ['Content-Length: LENGTH', 'Content-Length: 5'])),
  syntax('a length and chunks', (place) =>
    vote(place, ['Content-Length: LENGTH', 'Transfer-Encoding: chunked']),
  ),
  syntax('a negative length', (place) => vote(place, ['Content-Length: -1'])),
  syntax('a length with a sign', (place) => vote(place, ['Content-Length: +LENGTH'])),
  syntax('a length in hexadecimal', (place) => vote(place, ['Content-Length: 0x80'])),
  syntax('a length beyond every number', (place) => vote(place, [`Content-Length: ${'9'.repeat(30)}`])),
  syntax('an encoding that there is not', (place) => vote(place, ['Transfer-Encoding: xchunked'])),
  syntax('chunked, then something else', (place) => vote(place, ['Transfer-Encoding: chunked, identity'])),
  syntax('a chunk whose size is no number', (place) =>
    vote(place, ['Transfer-Encoding: chunked'], 'xyz\r\n{}\r\n0\r\n\r\n'),
  ),
  syntax('a chunk longer than it says', (place) =>
    vote(place, ['Transfer-Encoding: chunked'], '1\r\n{}\r\n0\r\n\r\n'),
  ),
  syntax('a header that goes on in the next line', () => get(HOST, 'X-A: b', ' c')),
  syntax('a blank before the colon', () => get(HOST, 'X-A : b')),
  syntax('a header without a colon', () => get(HOST, 'nonsense')),
  syntax('a header with a NUL', () => get(HOST, 'X-A: b\u0000c')),
  syntax('lines that end in LF alone', () => get(HOST).replaceAll('\r\n', '\n')),
  syntax('a carriage return in the middle of a value', () => get(HOST, 'X-A: b\rX-C: d')),
  syntax('no host', () => get()),
  syntax('two hosts', () => get(HOST, 'Host: another.example')),
  syntax('HTTP/0.9', () => 'GET /\r\n\r\n'),
  syntax('HTTP/9.9', () => `GET / HTTP/9.9\r\n${HOST}\r\n\r\n`),
  syntax('the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  syntax('a greeting of TLS', () => Buffer.from('16030100a5010000a10303', 'hex')),
  syntax('a method that there is not', () => `HACK /healthz HTTP/1.1\r\n${HOST}\r\n\r\n`),
  syntax('TRACE', () => `TRACE /healthz HTTP/1.1\r\n${HOST}\r\n\r\n`, '405 METHOD_NOT_ALLOWED'),
  syntax('CONNECT', () => `CONNECT 127.0.0.1:22 HTTP/1.1\r\n${HOST}\r\n\r\n`, '405 METHOD_NOT_ALLOWED'),
  syntax(
    'a path that leaves its folder',
    () => `GET /../../../../etc/passwd HTTP/1.1\r\n${HOST}\r\n\r\n`,
    '404 ROUTE_NOT_FOUND',
  ),
  syntax(
    'the same, encoded',
    () => `GET /assets/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n${HOST}\r\n\r\n`,
    '404 ROUTE_NOT_FOUND',
  ),
  syntax(
    'a path with a NUL',
    () => `GET /healthz%00.html HTTP/1.1\r\n${HOST}\r\n\r\n`,
    '404 ROUTE_NOT_FOUND',
  ),
  syntax(
    'a path that is not encoded as it should be',
    () => `GET /v1/contestants/%ff%zz HTTP/1.1\r\n${HOST}\r\n\r\n`,
    MALFORMED,
  ),
  smuggled(
    'a vote behind a length and chunks',
    ['Content-Length: 4', 'Transfer-Encoding: chunked'],
    '0\r\n\r\n',
  ),
  smuggled(
    'a vote behind chunks with a strange name',
    ['Content-Length: 0', 'Transfer-Encoding: xchunked'],
    '',
  ),
  smuggled(
    'a vote behind two encodings',
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    '0\r\n\r\n',
  ),
  smuggled('a vote behind two lengths', ['Content-Length: 0', 'Content-Length: 400'], ''),
  smuggled(
    'a vote behind an encoding with a tab',
    ['Content-Length: 0', 'Transfer-Encoding:\tchunked'],
    '0\r\n\r\n',
  ),
  smuggled(
    'a vote behind an encoding that goes on',
    ['Content-Length: 0', 'Transfer-Encoding:', ' chunked'],
    '0\r\n\r\n',
  ),
]
