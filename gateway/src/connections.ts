import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ErrorCode, VotestreamError } from '@votestream/schema/errors'
import { type ProblemAnswer, problemAnswer } from './problems.js'

/** Request line and headers together, as they stand on the wire. */
export const HEADER_BYTES_MAX = 10_240
/** A request must have arrived, and be answered, within this. */
export const REQUEST_TIMEOUT_MS = 29_000
/** Longer than the idle time of common load balancers, so that it is they who close. */
const KEEP_ALIVE_MS = 72_000

/** An HTTP server whose refusals are problem details, too. */
export const createConnections = (handler: RequestListener): Server => {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 5_000,
      // Missing, it is refused below, in our own words.
      requireHostHeader: false,
    },
    (request, response) => {
      if (headerBytes(request) > HEADER_BYTES_MAX) refuse('HEADERS_TOO_LARGE', response)
      else if (!hasOneHost(request)) refuse('INVALID_REQUEST', response)
      else handler(request, response)
    },
  )
  server.on('checkExpectation', (_request, response) => refuse('INVALID_REQUEST', response))
  closeSilent(server)
  return server
}

/**
 * Browsers open connections before they need them. Node takes one on which nothing was ever said for busy, and a server
 * that closes would wait for it.
 */
const closeSilent = (server: Server): void => {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  const close = server.close.bind(server)
  server.close = (callback) => {
    close(callback)
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
    return server
  }
}

const refuse = (code: ErrorCode, response: ServerResponse): void => {
  const { status, headers, body } = lastAnswer(code)
  response.writeHead(status, headers).end(body)
}

/** RFC 9112, 3.2: a request of HTTP/1.1 without a Host, or with two, is malformed. */
const hasOneHost = ({ httpVersion, rawHeaders }: IncomingMessage): boolean => {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    // Its length first: this runs for every header of every request.
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0')
}

/** Node's own limit leaves out separators and the request line's ends; this counts every byte. */
const headerBytes = ({ method = '', url = '', rawHeaders }: IncomingMessage): number => {
  // The request line ends in " HTTP/1.1" and a line break; it has a blank, and the head ends in a line break.
  let bytes = method.length + url.length + 14
  // Each name is followed by a colon and a blank, each value by a line break.
  for (const text of rawHeaders) bytes += text.length + 2
  return bytes
}

/** What cannot be read as a request is answered with problem details, and its connection closed. */
export const refuseConnection = (error: Error & { code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  endConnection(connectionErrorCode(error.code), socket)
}

/** Answers with problem details on a connection that no request is read from any more, and closes it. */
export const endConnection = (error: ErrorCode | VotestreamError, socket: Duplex): void => {
  const { status, headers, body } = lastAnswer(error)
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const statusLine = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
  socket.end(`${statusLine}${head.join('')}\r\n${body}`, () => socket.destroy())
}

/** The answer after which a connection ends. */
const lastAnswer = (error: ErrorCode | VotestreamError): ProblemAnswer => {
  const told = typeof error === 'string' ? new VotestreamError(error) : error
  const { status, headers, body } = problemAnswer(told)
  const length = String(Buffer.byteLength(body))
  return { status, headers: { ...headers, 'content-length': length, connection: 'close' }, body }
}

const connectionErrorCode = (code: string | undefined): ErrorCode => {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'HEADERS_TOO_LARGE'
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'PAYLOAD_TOO_LARGE'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'REQUEST_TIMEOUT'
    default:
      return 'INVALID_REQUEST'
  }
}
