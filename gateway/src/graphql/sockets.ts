import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import type { FastifyInstance } from 'fastify'
import { CloseCode, handleProtocols, MessageType, makeServer, parseMessage } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Admission, Origin } from '../admission/admission.js'
import type { ClientAddresses } from '../client-address.js'
import { endConnection } from '../connections.js'
import type { CrossOrigin } from '../cross-origin.js'
import { createDeadlines } from '../deadlines.js'
import type { HttpLimits } from '../http-limits.js'
import { parseJsonText } from '../json-body.js'
import type { Viewer } from '../live/audience.js'
import { createFormCheck } from '../request-form.js'
import { createTokenBucket } from '../token-bucket.js'
import { createFrameSizes } from './frame-sizes.js'
import { createLiveness } from './liveness.js'
import {
  createSocketOperations,
  type OperationLimits,
  type SocketOperationsOptions,
} from './socket-operations.js'
import { checkRoutes } from './socket-routes.js'
import { textFrame } from './text-frame.js'
import { createUpgradeCheck } from './upgrades.js'

export interface SocketLimits extends OperationLimits {
  /** Over how long the sockets are closed when the gateway stops, so that clients do not all come back at once. */
  readonly drainMs: number
  /** A peer that does not answer a ping until the next one is gone. */
  readonly pingEveryMs?: number
  /** New sockets a second; as many may come at once. */
  readonly perSecondMax: number
  /** A socket on which nobody says anything for so long is closed, and one that is as old as its life. */
  readonly idleMs: number
  readonly lifeMs: number
  /** Names under which sockets are offered, too: see `socketPaths`. */
  readonly stages: readonly string[]
}

export type SocketsOptions = Omit<SocketOperationsOptions, 'deadlines'> &
  SocketLimits & {
    readonly admission: Pick<Admission, 'enterFrom' | 'originOf' | 'visit'>
    readonly logger: Logger
    readonly addressOf: ClientAddresses['of']
    readonly crossOrigin: Pick<CrossOrigin, 'mayConnect'>
    readonly limits: HttpLimits
  }

/** Of one message of a client, and of one of the frames that it comes in; a managed API gateway has no setting for them. */
const MESSAGE_BYTES_MAX = 128 * 1024
const FRAME_BYTES_MAX = 32 * 1024
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
const MESSAGE_TOO_BIG = 1009
const TRY_AGAIN_LATER = 1013
/** Behind the answer, in its envelope. */
const TAIL = Buffer.from('}')

/** GraphQL over WebSocket (graphql-transport-ws), on the same path as over HTTP. */
export const addSockets = (app: FastifyInstance, options: SocketsOptions): void => {
  const { logger, schema, drainMs, admission, connections, addressOf, crossOrigin, limits, stages } = options
  const { perSecondMax, pingEveryMs = PING_EVERY_MS, idleMs, lifeMs } = options
  checkRoutes(schema)
  const deadlines = createDeadlines(limits.requestTimeoutMs)
  const operations = createSocketOperations({ ...options, deadlines })
  const protocol = makeServer({ connectionInitWaitTimeout: INIT_TIMEOUT_MS, ...operations.hooks })
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (protocols) => handleProtocols(protocols),
  })
  const liveness = createLiveness({ everyMs: pingEveryMs, idleMs, lifeMs })
  let stopping = false
  const refusalOf = createUpgradeCheck({
    formFault: createFormCheck(limits.headerBytesMax),
    stages,
    crossOrigin,
    rate: createTokenBucket({ burst: perSecondMax, perSecond: perSecondMax }, performance.now()),
    stopping: () => stopping,
  })

  const open = (socket: WebSocket, connection: Duplex, origin: Origin): void => {
    const executing = new Set<string>()
    const said = liveness.watch(socket, () => executing.size > 0)
    refuseLargeFrames(socket, connection)
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send(data) {
          said()
          return send(socket, bounded(data, limits.responseBytesMax))
        },
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) => {
          socket.on('message', (data, isBinary) => {
            // What comes after the end was said does not count.
            if (socket.readyState !== socket.OPEN) return
            if (isBinary) return socket.close(UNSUPPORTED_DATA, 'Text only')
            said()
            const text = String(data)
            if (!isReadable(text)) return socket.close(CloseCode.BadRequest, 'Invalid message')
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
        origin,
        executing,
        viewer: (operationId) => viewerOf(socket, connection, operationId, said),
        close: (code, reason) => socket.close(code, reason),
      },
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
    const origin = admission.originOf(request)
    // A browser sends no headers of its own with it: keys and tokens come with what is asked for.
    const refusal = refusalOf(request) ?? refusedBy(() => admission.visit(request, 'websocket'))
    const leave = refusal ? undefined : connections.addresses.enter(addressOf(request))
    options.requestMetrics.count('websocket', 'connect', leave ? 'OK' : (refusal?.code ?? 'RATE_LIMITED'))
    if (leave) {
      socket.once('close', leave)
      sockets.handleUpgrade(request, socket, head, (opened) => open(opened, socket, origin))
    } else {
      endConnection(refusal ?? new VotestreamError('RATE_LIMITED', { retryAfterSeconds: 1 }), socket)
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
    deadlines.stop()
    app.server.off('upgrade', upgrade)
  })
}

const refusedBy = (enter: () => unknown): VotestreamError | undefined => {
  try {
    enter()
    return undefined
  } catch (error) {
    if (error instanceof VotestreamError) return error
    throw error
  }
}

/** They are seen before the library sees them: its own listener is behind. */
const refuseLargeFrames = (socket: WebSocket, connection: Duplex): void => {
  const sizes = createFrameSizes(FRAME_BYTES_MAX)
  connection.prependListener('data', (bytes: Buffer) => {
    if (!sizes.fits(bytes)) socket.close(MESSAGE_TOO_BIG, 'Frames have at most 32 KB')
  })
}

/** An answer of more than that fails, like any other; what is followed does not come here. */
const bounded = (data: string, bytesMax: number): string => {
  if (data.length * 3 <= bytesMax || Buffer.byteLength(data) <= bytesMax) return data
  const { id, type } = JSON.parse(data) as { id?: string; type: MessageType }
  const { code, message } = new VotestreamError('RESPONSE_TOO_LARGE')
  return JSON.stringify({ id, type, payload: { errors: [{ message, extensions: { code } }] } })
}

const SERVER_MESSAGES: ReadonlySet<MessageType> = new Set([
  MessageType.ConnectionAck,
  MessageType.Next,
  MessageType.Error,
])

/** By the rules of a request's body. */
const isReadable = (text: string): boolean => {
  try {
    parseJsonText(text)
    return true
  } catch {
    return false
  }
}

/** The library takes a message that it would send itself for a failure of its own. */
const isForClients = (text: string): boolean => {
  try {
    return SERVER_MESSAGES.has(parseMessage(text).type)
  } catch {
    return false
  }
}

/** The peer has left, and its socket does not know yet. */
const isGone = ({ code }: NodeJS.ErrnoException): boolean => code === 'EPIPE' || code === 'ECONNRESET'

/** Resolves when the message has left this process, so that a slow peer slows down its own operation only. */
const send = (socket: WebSocket, data: string): Promise<void> =>
  new Promise((resolve, reject) => {
    if (socket.readyState !== socket.OPEN) resolve()
    // A socket that closes under a message takes it along: whoever sent it is told by the close.
    else
      socket.send(data, (error) =>
        error && !isGone(error) && socket.readyState === socket.OPEN ? reject(error) : resolve(),
      )
  })

/**
 * Answers are the same bytes for everybody; only the envelope with the operation's id is of this socket. The frame is
 * written here, in one piece: the library would write its head by itself.
 */
const viewerOf = (socket: WebSocket, connection: Duplex, operationId: string, said: () => void): Viewer => {
  const head = Buffer.from(`{"id":${JSON.stringify(operationId)},"type":"${MessageType.Next}","payload":`)
  return {
    get bufferedBytes() {
      return connection.writableLength
    },
    send(payload) {
      if (socket.readyState !== socket.OPEN) return
      said()
      connection.write(textFrame([head, payload, TAIL]))
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
