import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@votestream/infra/logging'
import type { FastifyInstance } from 'fastify'
import { CloseCode, handleProtocols, MessageType, makeServer, parseMessage } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { endConnection } from '../connections.js'
import { GRAPHQL_PATH } from './apollo.js'
import { createSocketOperations, type SocketOperationsOptions } from './socket-operations.js'

export interface SocketsOptions extends SocketOperationsOptions {
  readonly logger: Logger
}

/** Of one message; an event of 500 contestants fits. */
const MESSAGE_BYTES_MAX = 2 * 1024 * 1024
const INIT_TIMEOUT_MS = 3_000
/** A peer that does not answer a ping until the next one is gone. */
const PING_EVERY_MS = 12_000
/** How long a stop waits for queries and mutations that are under way, and then for peers to close. */
const DRAIN_MS = 4_000
const CLOSING_MS = 500
/** RFC 6455's registry: the service restarts, and a client may come back at once. */
const SERVICE_RESTART = 1012

/** GraphQL over WebSocket (graphql-transport-ws), on the same path as over HTTP. */
export const addSockets = (app: FastifyInstance, options: SocketsOptions): void => {
  const { logger } = options
  const operations = createSocketOperations(options)
  const protocol = makeServer({ connectionInitWaitTimeout: INIT_TIMEOUT_MS, ...operations.hooks })
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })
  let stopping = false

  const open = (socket: WebSocket): void => {
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => send(socket, data),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) => {
          socket.on('message', (data) => {
            const text = String(data)
            take(text).catch((error: unknown) => {
              if (isForClients(text)) {
                socket.close(CloseCode.BadRequest, 'Only a server sends this')
                return
              }
              logger.error({ err: error }, 'a message on a socket failed')
              socket.close(CloseCode.InternalServerError, 'Internal server error')
            })
          })
        },
      },
      { executing: new Set(), forbid: () => socket.close(CloseCode.Forbidden, 'Forbidden') },
    )
    // Frames that break the protocol: the library closes the socket by itself.
    socket.on('error', (error) => logger.debug({ err: error }, 'a socket failed'))
    socket.once('close', (code, reason) => {
      closed(code, String(reason)).catch((error: unknown) =>
        logger.error({ err: error }, 'a closed socket left something behind'),
      )
    })
  }

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = request.url?.split('?', 1)[0]
    // Other protocols are not spoken here, on no path.
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') endConnection('INVALID_REQUEST', socket)
    else if (path !== GRAPHQL_PATH) endConnection('ROUTE_NOT_FOUND', socket)
    else if (stopping) endConnection('OVERLOADED', socket)
    else sockets.handleUpgrade(request, socket, head, open)
  }
  app.server.on('upgrade', upgrade)
  const pinging = keepAlive(sockets)

  // Fastify waits for open connections when it closes, so these go before it does.
  app.addHook('preClose', async () => {
    stopping = true
    clearInterval(pinging)
    await Promise.race([operations.drain(), pause(DRAIN_MS, undefined, { ref: false })])
    const closing = [...sockets.clients].map((socket) => closeSocket(socket))
    await Promise.all(closing)
    app.server.off('upgrade', upgrade)
  })
}

const SERVER_MESSAGES: ReadonlySet<MessageType> = new Set([
  MessageType.ConnectionAck,
  MessageType.Next,
  MessageType.Error,
])

/** The library takes a message that it would send itself for a failure of its own. */
const isForClients = (text: string): boolean => {
  try {
    return SERVER_MESSAGES.has(parseMessage(text).type)
  } catch {
    return false
  }
}

/** Resolves when the message has left this process, so that a slow peer slows down its own operation only. */
const send = (socket: WebSocket, data: string): Promise<void> =>
  new Promise((resolve, reject) => {
    if (socket.readyState !== socket.OPEN) resolve()
    // A socket that closes under a message takes it along: whoever sent it is told by the close.
    else
      socket.send(data, (error) => (error && socket.readyState === socket.OPEN ? reject(error) : resolve()))
  })

const closeSocket = async (socket: WebSocket): Promise<void> => {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.close(SERVICE_RESTART, 'Service restart')
  await Promise.race([closed, pause(CLOSING_MS, undefined, { ref: false })])
  socket.terminate()
}

const keepAlive = (sockets: WebSocketServer): NodeJS.Timeout => {
  const silent = new WeakSet<WebSocket>()
  return setInterval(() => {
    for (const socket of sockets.clients) {
      if (silent.has(socket)) socket.terminate()
      silent.add(socket)
      socket.once('pong', () => silent.delete(socket))
      socket.ping()
    }
  }, PING_EVERY_MS).unref()
}
