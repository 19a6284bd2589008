import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { QueueFigures } from '@votestream/infra/metrics/queues'
import { type ErrorCode, VotestreamError } from '@votestream/schema/errors'
import type { HttpLimits } from './http-limits.js'
import { type ProblemAnswer, problemAnswer } from './problems.js'
import type { FormCheck } from './request-form.js'
import { ANSWER_HEADERS } from './security-headers.js'
import { TLS_OPTIONS, type TlsFiles } from './tls-files.js'

export interface ConnectionsOptions {
  readonly handler: RequestListener
  readonly limits: HttpLimits
  readonly formFault: FormCheck
  /** With it, TLS is spoken, and nothing else. */
  readonly tls?: TlsFiles | undefined
  readonly counts?: ConnectionCounts | undefined
}

/** Of connections on which HTTP is spoken. */
export interface ConnectionCounts {
  open: number
  /** Turned away, because there were too many. */
  refused: number
}

export const connectionQueue = (counts: ConnectionCounts, { connectionsMax }: HttpLimits): QueueFigures => ({
  depth: () => counts.open,
  bound: connectionsMax,
  refused: () => counts.refused,
})

/** On connections whose last answer was given. */
const REFUSED = Symbol('refused')

/** What comes behind a malformed request was never meant to be one: whoever sent it may have meant its body. */
const listenNoMore = (socket: Duplex): void => void Object.assign(socket, { [REFUSED]: true })

/** How often connections are looked at that are slow, or wait. */
const CHECK_EVERY_MS = 1_000

/** An HTTP server whose refusals are problem details, too. */
export const createConnections = ({
  handler,
  limits,
  formFault,
  tls,
  counts = { open: 0, refused: 0 },
}: ConnectionsOptions): Server => {
  const refuse = (code: ErrorCode, { socket }: IncomingMessage, response: ServerResponse): void => {
    listenNoMore(socket)
    const { status, headers, body } = lastAnswer(code)
    response.writeHead(status, headers).end(body)
  }
  const server = createPlainOrTls(serverOptions(limits), tls, (request, response) => {
    if (REFUSED in request.socket) return
    const fault = formFault(request)
    if (fault === undefined) handler(request, response)
    else refuse(fault, request, response)
  })
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax
  // Who takes nothing of an answer for so long does not want it. Upgraded connections are not concerned: they have
  // limits of their own. A request that is being worked on has its time, and half of it to spare.
  server.timeout = Math.ceil(limits.requestTimeoutMs * 1.5)
  server.on('checkExpectation', (request, response) => refuse('INVALID_REQUEST', request, response))
  server.on('connect', (_request, socket: Duplex) => endConnection('METHOD_NOT_ALLOWED', socket))
  boundConnections(server, limits.connectionsMax, counts, (socket) => {
    listenNoMore(socket)
    endConnection('OVERLOADED', socket)
  })
  closeSilent(server)
  return server
}

const serverOptions = (limits: HttpLimits): ServerOptions => {
  const { headerBytesMax, headersTimeoutMs, arrivalTimeoutMs, requestTimeoutMs, keepAliveMs } = limits
  // What does not arrive is told so before it is told that its answer took too long.
  const requestTimeout = Math.min(arrivalTimeoutMs, requestTimeoutMs)
  const headersTimeout = Math.min(headersTimeoutMs, requestTimeout)
  return {
    maxHeaderSize: headerBytesMax,
    headersTimeout,
    requestTimeout,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, Math.ceil(headersTimeout / 2)),
    // Missing, it is refused by us, in our own words.
    requireHostHeader: false,
  }
}

const createPlainOrTls = (
  options: ServerOptions,
  tls: TlsFiles | undefined,
  handler: RequestListener,
): Server => {
  if (!tls) return createServer(options, handler)
  const server = createTlsServer({ ...options, ...TLS_OPTIONS, ...tls.current() }, handler)
  server.once('close', tls.follow(server))
  return server
}

const boundConnections = (
  server: Server,
  connectionsMax: number,
  counts: ConnectionCounts,
  turnAway: (socket: Socket) => void,
): void => {
  const counted = new WeakSet<Duplex>()
  const leave = (socket: Duplex): void => {
    if (counted.delete(socket)) counts.open -= 1
  }
  // What HTTP is spoken on: beneath TLS there is another connection, on which nobody does.
  server.prependListener(isTls(server) ? 'secureConnection' : 'connection', (socket: Socket) => {
    if (counts.open >= connectionsMax) {
      counts.refused += 1
      turnAway(socket)
      return
    }
    counted.add(socket)
    counts.open += 1
    socket.once('close', () => leave(socket))
  })
  server.prependListener('upgrade', (_request, socket: Duplex) => leave(socket))
}

const isTls = (server: Server): boolean => 'setSecureContext' in server

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
  // Beneath TLS much was said before there is a word.
  const silent = new Set<Socket>()
  let closing = false
  if (isTls(server)) {
    server.on('secureConnection', (socket: Socket) => {
      if (closing) socket.destroy()
      silent.add(socket)
      socket.once('close', () => silent.delete(socket))
    })
    server.on('request', ({ socket }) => silent.delete(socket))
    server.on('upgrade', ({ socket }) => silent.delete(socket))
  }
  const close = server.close.bind(server)
  server.close = (callback) => {
    closing = true
    close(callback)
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
    for (const socket of silent) socket.destroy()
    return server
  }
}

/** What cannot be read as a request is answered with problem details, and its connection closed. */
export const refuseConnection = (error: Error & { code?: string }, socket: Socket): void => {
  // Its last answer is on its way, and closes it.
  if (REFUSED in socket) return
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

const againOf = (code: ErrorCode): { retryAfterSeconds?: number } =>
  code === 'RATE_LIMITED' || code === 'OVERLOADED' ? { retryAfterSeconds: 1 } : {}

/** The answer after which a connection ends. */
const lastAnswer = (error: ErrorCode | VotestreamError): ProblemAnswer => {
  const told = typeof error === 'string' ? new VotestreamError(error, againOf(error)) : error
  const { code, status, headers, body } = problemAnswer(told)
  const length = String(Buffer.byteLength(body))
  return {
    code,
    status,
    headers: { ...headers, ...ANSWER_HEADERS, 'content-length': length, connection: 'close' },
    body,
  }
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
