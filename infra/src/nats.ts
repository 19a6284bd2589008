import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import type { Logger } from './logging.js'

export interface Nats {
  readonly connection: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  /** False from a disconnect until the connection is back. */
  connected(): boolean
  close(): Promise<void>
}

interface NatsOptions {
  readonly url: string
  /** Shown in the server's list of clients. */
  readonly name: string
  readonly logger: Logger
}

/** Connects, waiting for the server as long as it takes, and comes back after every loss. */
export const connectNats = async ({ url, name, logger }: NatsOptions): Promise<Nats> => {
  const connection = await connect({
    servers: url.split(','),
    name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    // From the dial to the greeting. A server that takes the connection and dies or hangs before it greets is
    // dialled again after this, not after the library's twenty seconds.
    timeout: 2_000,
    // A half-open connection is noticed after two of these.
    pingInterval: 2_000,
    maxPingOut: 2,
  })
  let connected = true
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') connected = false
      if (status.type === 'reconnect') connected = true
      if (status.type === 'disconnect' || status.type === 'reconnect' || status.type === 'error') {
        logger.warn({ nats: status.type }, 'NATS connection')
      }
    }
  })()
  const js = jetstream(connection)
  return {
    connection,
    js,
    jsm: await jetstreamManager(connection),
    connected: () => connected && !connection.isClosed(),
    close: () => connection.close(),
  }
}
