import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import {
  AuthorizationError,
  type NatsConnection,
  PermissionViolationError,
  type ReconnectToServerHandler,
} from '@nats-io/nats-core'
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node'
import { inboxPrefix } from './access/nats-rights.js'
import type { Logger } from './logging.js'
import { createSilence, LOOK_EVERY_MS } from './nats-silence.js'
import { type StoreLogin, splitLogin } from './store-login.js'

export interface Nats {
  readonly connection: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  /** False from a disconnect until the connection is back. */
  connected(): boolean
  /**
   * The same promise, which fails as soon as the connection has been replaced by a new one: what was asked on the
   * old one may be answered never. Whether it was done is not known then.
   * @throws ConnectionReplacedError
   */
  onThisConnection<Answer>(asked: Promise<Answer>): Promise<Answer>
  /** How often the broker refused what was published or subscribed to, because this user may not do it. */
  refused(): number
  close(): Promise<void>
}

/** What was asked may have been done or not. */
export class ConnectionReplacedError extends Error {
  override readonly name = 'ConnectionReplacedError'
}

interface NatsOptions extends StoreLogin {
  /** One address or several, apart by commas; the first may hold `user:password@`. */
  readonly url: string
  /** Shown in the server's list of clients. */
  readonly name: string
  readonly logger: Logger
}

/**
 * Connects, waiting for the server as long as it takes, and comes back after every loss.
 * @throws AuthorizationError when the server is there and refuses the login
 */
export const connectNats = async ({ url, name, logger, ...login }: NatsOptions): Promise<Nats> => {
  const options: NodeConnectionOptions = {
    ...natsLogin(url, login),
    name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    // The library counts the pause between two dials by the wall clock: set back by an hour, it would not dial for an
    // hour. So it is told not to wait, and the pause is ours, by a clock that nobody sets.
    reconnectDelayHandler: () => Number.NEGATIVE_INFINITY,
    reconnectToServer: createDialPause(),
    // From the dial to the greeting. A server that takes the connection and dies or hangs before it greets is
    // dialled again after this, not after the library's twenty seconds.
    timeout: 2_000,
    // A half-open connection is noticed by its silence, long before two of these have passed.
    pingInterval: 2_000,
    maxPingOut: 2,
    // Every request would make an error beforehand, with the stack of whoever asks, in case that it fails.
    noAsyncTraces: true,
  }
  // Refused twice in a row, the library ends a connection. That is right for the first one, and it is for this one to
  // find out: a server that comes back may be too slow to check a login in time, and must not be left for ever.
  const first = await connect(options)
  await first.close()
  const connection = await connect({
    ...options,
    reconnectToServer: createDialPause(),
    ignoreAuthErrorAbort: true,
  })
  let connected = true
  let refused = 0
  const waiting = new Set<() => void>()
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') connected = false
      if (status.type === 'reconnect') {
        connected = true
        for (const fail of waiting) fail()
      }
      if (status.type === 'error' && status.error instanceof PermissionViolationError) {
        refused += 1
        const { operation, subject } = status.error
        logger.error({ operation, subject }, 'NATS refuses this user what it asked for')
      } else if (status.type === 'error' && status.error instanceof AuthorizationError) {
        logger.error({ err: status.error }, 'NATS refuses the login')
      } else if (status.type === 'disconnect' || status.type === 'reconnect' || status.type === 'error') {
        logger.warn({ nats: status.type }, 'NATS connection')
      }
    }
  })()
  leaveWhenSilent(connection, () => connected, logger)
  const js = jetstream(connection)
  return {
    connection,
    js,
    jsm: await jetstreamManager(connection),
    connected: () => connected && !connection.isClosed(),
    refused: () => refused,
    async onThisConnection(asked) {
      let fail: () => void = () => undefined
      const replaced = new Promise<never>((_, reject) => {
        fail = () => reject(new ConnectionReplacedError('the connection to NATS was replaced'))
        waiting.add(fail)
      })
      try {
        return await Promise.race([asked, replaced])
      } finally {
        waiting.delete(fail)
      }
    },
    close: () => connection.close(),
  }
}

/** Where to connect, and as whom, for the library, which does not take a login out of an address. */
export const natsLogin = (
  url: string,
  login: StoreLogin = {},
): { servers: string[]; user?: string; pass?: string; inboxPrefix?: string } => {
  const addresses = url.split(',').map((address) => splitLogin(address.trim()))
  const user = login.user ?? addresses[0]?.user
  const pass = login.password ?? addresses[0]?.password
  return {
    servers: addresses.map((address) => address.url),
    ...(user === undefined ? {} : { user, inboxPrefix: inboxPrefix(user) }),
    ...(pass === undefined ? {} : { pass }),
  }
}

const DIAL_PAUSE_MS = 100
/** So that those who lost their server together do not come back together. */
const DIAL_JITTER_MS = 50

const createDialPause = (): ReconnectToServerHandler => {
  let dialledAtMs = Number.NEGATIVE_INFINITY
  return ([server]) => {
    const pauseMs = DIAL_PAUSE_MS + Math.random() * DIAL_JITTER_MS
    const delay = Math.max(0, dialledAtMs + pauseMs - performance.now())
    dialledAtMs = performance.now() + delay
    return server ? { server, delay } : null
  }
}

/**
 * The connection is asked for a sign of life whenever it was silent for a moment, and left for a new one when
 * none comes: the library alone notices it only after four to six seconds. Whatever does come is a sign, so a
 * busy connection is never left because an answer waits behind others.
 */
const leaveWhenSilent = (connection: NatsConnection, connected: () => boolean, logger: Logger): void => {
  const silence = createSilence()
  let heard = true
  let asking = false
  let bytes = 0
  const ask = async (): Promise<void> => {
    asking = true
    // A connection that was lost answers with an error: that is no sign of the next one.
    heard = await connection.flush().then(
      () => true,
      () => heard,
    )
    asking = false
  }
  const looking = setInterval(() => {
    const { inBytes } = connection.stats()
    const leave = silence.look({
      atMs: performance.now(),
      heard: heard || inBytes !== bytes,
      connected: connected(),
    })
    bytes = inBytes
    heard = false
    if (leave) {
      logger.warn('NATS says nothing; a new connection is made')
      void connection.reconnect().catch(() => undefined)
    } else if (!asking && connected()) void ask()
  }, LOOK_EVERY_MS)
  looking.unref()
  void connection.closed().then(() => clearInterval(looking))
}
