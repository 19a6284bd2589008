import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@votestream/infra/logging'
import type { FastifyInstance } from 'fastify'
import { CloseCode, handleProtocols, MessageType, makeServer, parseMessage } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ClientAddresses } from '../client-address.js'
import { endConnection } from '../connections.js'
import type { Viewer } from '../live/audience.js'
import { GRAPHQL_PATH } from './graphql-path.js'
import { createLiveness } from './liveness.js'
import {
  createSocketOperations,
  type OperationLimits,
  type SocketOperationsOptions,
} from './socket-operations.js'
import { textFrame } from './text-frame.js'

export interface SocketLimits extends OperationLimits {
  /** Over how long the sockets are closed when the gateway stops, so that clients do not all come back at once. */
  readonly drainMs: number
  /** A peer that does not answer a ping until the next one is gone. */
  readonly pingEveryMs?: number
}

export type SocketsOptions = SocketOperationsOptions &
  SocketLimits & { readonly logger: Logger; readonly addressOf: ClientAddresses['of'] }

/** Of one message. */
const MESSAGE_BYTES_MAX = 128 * 1024
const INIT_TIMEOUT_MS = 3_000
const PING_EVERY_MS = 12_000
/** How long a stop waits for queries and mutations that are under way, and then for peers to close. */
const DRAIN_MS = 4_000
const CLOSING_MS = 500
/** How long a socket that was not read from has for its end. */
const DROPPING_MS = 5_000
/** RFC 6455's registry: the service restarts, and a client may come back at once. */
const SERVICE_RESTART = 1012
const UNSUPPORTED_DATA = 1003
const TRY_AGAIN_LATER = 1013
/** Behind the answer, in its envelope. */
const TAIL = Buffer.from('}')

/** GraphQL over WebSocket (graphql-transport-ws), on the same path as over HTTP. */
export const addSockets = (app: FastifyInstance, options: SocketsOptions): void => {
  const { logger, drainMs, connections, addressOf } = options
  const operations = createSocketOperations(options)
  const protocol = makeServer({ connectionInitWaitTimeout: INIT_TIMEOUT_MS, ...operations.hooks })
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })
  const liveness = createLiveness({ everyMs: options.pingEveryMs ?? PING_EVERY_MS })
  let stopping = false

  const open = (socket: WebSocket, connection: Duplex, address: string): void => {
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => send(socket, data),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) => {
          socket.on('message', (data, isBinary) => {
            if (isBinary) return socket.close(UNSUPPORTED_DATA, 'Text only')
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
      {
        address,
        executing: new Set(),
        viewer: (operationId) => viewerOf(socket, connection, operationId),
        close: (code, reason) => socket.close(code, reason),
      },
    )
    liveness.watch(socket)
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
    else {
      const address = addressOf(request)
      const leave = connections.addresses.enter(address)
      if (leave) {
        socket.once('close', leave)
        sockets.handleUpgrade(request, socket, head, (opened) => open(opened, socket, address))
      } else endConnection('RATE_LIMITED', socket)
    }
  }
  app.server.on('upgrade', upgrade)

  // Fastify waits for open connections when it closes, so these go before it does.
  app.addHook('preClose', async () => {
    stopping = true
    await Promise.race([operations.drain(), pause(DRAIN_MS, undefined, { ref: false })])
    const closing = [...sockets.clients].map(async (socket) => {
      await pause(Math.random() * drainMs)
      await closeSocket(socket)
    })
    await Promise.all(closing)
    liveness.stop()
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

/**
 * Answers are the same bytes for everybody; only the envelope with the operation's id is of this socket. The frame is
 * written here, in one piece: the library would write its head by itself.
 */
const viewerOf = (socket: WebSocket, connection: Duplex, operationId: string): Viewer => {
  const head = Buffer.from(`{"id":${JSON.stringify(operationId)},"type":"${MessageType.Next}","payload":`)
  return {
    get bufferedBytes() {
      return connection.writableLength
    },
    send(payload) {
      if (socket.readyState === socket.OPEN) connection.write(textFrame([head, payload, TAIL]))
    },
    drop() {
      socket.close(TRY_AGAIN_LATER, 'Too slow')
      // Who reads on by then is told why.
      setTimeout(() => socket.terminate(), DROPPING_MS).unref()
    },
  }
}

const closeSocket = async (socket: WebSocket): Promise<void> => {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.close(SERVICE_RESTART, 'Service restart')
  await Promise.race([closed, pause(CLOSING_MS, undefined, { ref: false })])
  socket.terminate()
}
