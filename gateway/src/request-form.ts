import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from '@votestream/schema/errors'

/** What is wrong with a request that could be read; undefined: nothing. */
export type FormCheck = (request: IncomingMessage) => ErrorCode | undefined

/**
 * The parser is strict about lengths, line ends and names. It lets pass what is refused here: two servers in a row that
 * read it differently would take one request for two, or for one to somebody else.
 */
export const createFormCheck = (headerBytesMax: number): FormCheck => {
  // Nearly every request has the host of the one before.
  let lastHost = ''
  const isHost = (value: string): boolean => {
    if (value === lastHost) return true
    if (!HOST.test(value)) return false
    lastHost = value
    return true
  }
  return (request) => formFault(request, headerBytesMax, isHost)
}

const HOST = /^(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i

const formFault = (
  request: IncomingMessage,
  headerBytesMax: number,
  isHost: (value: string) => boolean,
): ErrorCode | undefined => {
  const { method, url = '', rawHeaders } = request
  // The request line ends in " HTTP/1.1" and a line break; it has a blank, and the head ends in a line break. Node's own
  // limit leaves out separators and the line's ends; this counts every byte.
  let bytes = (method?.length ?? 0) + url.length + 14
  let hosts = 0
  let encodings = 0
  let sound = true
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const value = rawHeaders[at + 1] ?? ''
    // A name is followed by a colon and a blank, a value by a line break.
    bytes += name.length + value.length + 4
    // Their length first: this runs for every header of every request.
    if (name.length === 4 && name.toLowerCase() === 'host') {
      hosts += 1
      sound &&= isHost(value)
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      encodings += 1
      sound &&= value.toLowerCase() === 'chunked'
    }
  }
  if (bytes > headerBytesMax) return 'HEADERS_TOO_LARGE'
  if (method === 'TRACE') return 'METHOD_NOT_ALLOWED'
  if (!sound || !isTarget(url, method)) return 'INVALID_REQUEST'
  return isOfItsVersion(request.httpVersion, hosts, encodings) ? undefined : 'INVALID_REQUEST'
}

/**
 * RFC 9112, 3.2: a request of HTTP/1.1 without a Host, or with two, is malformed; 6.1: so is one of HTTP/1.0 with a
 * transfer encoding.
 */
const isOfItsVersion = (version: string, hosts: number, encodings: number): boolean => {
  if (version === '1.1') return hosts === 1 && encodings <= 1
  return version === '1.0' && hosts <= 1 && encodings === 0
}

/** A path: what names a host of its own is for proxies, and what comes behind a `#` is nobody's but the browser's. */
const isTarget = (url: string, method: string | undefined): boolean =>
  (url.startsWith('/') && !url.includes('#')) || (url === '*' && method === 'OPTIONS')
