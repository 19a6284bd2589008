/** What stands in the bytes that a connection has received since its request. */
export type Parsed =
  | { readonly is: 'incomplete' }
  | { readonly is: 'malformed' }
  | {
      readonly is: 'whole'
      readonly status: number
      readonly body: Buffer
      /** Bytes of all of it. */
      readonly length: number
      /** The server closes the connection after it. */
      readonly closes: boolean
    }

const INCOMPLETE: Parsed = { is: 'incomplete' }
const MALFORMED: Parsed = { is: 'malformed' }
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |\r\n)/
const LENGTH = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i
const CHUNKED = /\r\ntransfer-encoding:[^\r]*\bchunked[ \t]*\r\n/i
const CLOSES = /\r\nconnection:[ \t]*close\b/i
const KEEPS = /\r\nconnection:[ \t]*keep-alive\b/i

/**
 * Reads one answer of HTTP/1.1 (RFC 9112); interim ones (1xx) before it are skipped.
 * @param ended the server has closed its side: a body without a length ends here
 */
export const parseResponse = (bytes: Buffer, ended = false): Parsed => {
  let start = 0
  for (;;) {
    const headEnd = bytes.indexOf('\r\n\r\n', start, 'latin1')
    if (headEnd === -1) return ended ? MALFORMED : INCOMPLETE
    const head = bytes.toString('latin1', start, headEnd + 2)
    const line = STATUS_LINE.exec(head)
    if (!line) return MALFORMED
    const status = Number(line[2])
    const bodyStart = headEnd + 4
    if (status >= 200) {
      const closes = line[1] === '0' ? !KEEPS.test(head) : CLOSES.test(head)
      return readBody(bytes, { head, status, bodyStart, closes, ended })
    }
    start = bodyStart
  }
}

interface Head {
  readonly head: string
  readonly status: number
  readonly bodyStart: number
  readonly closes: boolean
  readonly ended: boolean
}

const readBody = (bytes: Buffer, { head, status, bodyStart, closes, ended }: Head): Parsed => {
  const missing = ended ? MALFORMED : INCOMPLETE
  if (status === 204 || status === 304) {
    return { is: 'whole', status, body: bytes.subarray(0, 0), length: bodyStart, closes }
  }
  if (CHUNKED.test(head)) {
    const read = readChunks(bytes, bodyStart)
    if (read === 'malformed') return MALFORMED
    if (read === 'incomplete') return missing
    return { is: 'whole', status, body: Buffer.concat(read.parts), length: read.end, closes }
  }
  const length = LENGTH.exec(head)?.[1]
  if (length === undefined) {
    if (!ended) return INCOMPLETE
    return { is: 'whole', status, body: bytes.subarray(bodyStart), length: bytes.length, closes: true }
  }
  const end = bodyStart + Number(length)
  if (end > bytes.length) return missing
  return { is: 'whole', status, body: bytes.subarray(bodyStart, end), length: end, closes }
}

const readChunks = (
  bytes: Buffer,
  from: number,
): 'incomplete' | 'malformed' | { readonly parts: Buffer[]; readonly end: number } => {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1')
    if (lineEnd === -1) return 'incomplete'
    const size = /^([0-9a-f]+)[ \t]*(?:;|$)/i.exec(bytes.toString('latin1', at, lineEnd))?.[1]
    if (size === undefined) return 'malformed'
    const start = lineEnd + 2
    const end = start + Number.parseInt(size, 16)
    if (end === start) return readTrailer(bytes, lineEnd, parts)
    if (bytes.length < end + 2) return 'incomplete'
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') return 'malformed'
    parts.push(bytes.subarray(start, end))
    at = end + 2
  }
}

/** Lines after the last chunk, up to an empty one. @param lineEnd of the line that says that it is the last */
const readTrailer = (bytes: Buffer, lineEnd: number, parts: Buffer[]) => {
  const end = bytes.indexOf('\r\n\r\n', lineEnd, 'latin1')
  return end === -1 ? 'incomplete' : { parts, end: end + 4 }
}
