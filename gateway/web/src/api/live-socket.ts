import { type Client, createClient } from 'graphql-ws'
import { backoffMs, pause } from '../model/waiting.js'
import { createValue, type Watched } from '../state.js'

export type SocketPhase = 'connecting' | 'live' | 'reconnecting'

/** One socket for all subscriptions with the same token. It connects when first used, and again by itself. */
export interface LiveSocket {
  readonly client: Client
  readonly phase: Watched<SocketPhase>
  /** When the service last said anything; 0 before the first word. */
  heardAtMs(): number
  /** Its token is no longer accepted for new subscriptions: it connects anew, with another one. */
  renew(): void
  end(): void
}

interface LiveSocketOptions {
  readonly url: string
  /** Must not fail: it waits until there is a token. */
  readonly token: () => Promise<string>
  /** The service did not accept it. */
  readonly onRefused: (token: string) => void
}

const PING_EVERY_MS = 5_000
const PONG_WITHIN_MS = 4_000
const ACK_WITHIN_MS = 8_000
/** The protocol's codes for a token that is not, or no longer, accepted. */
const REFUSED_CODES: readonly unknown[] = [4401, 4403]

export const createLiveSocket = ({ url, token, onRefused }: LiveSocketOptions): LiveSocket => {
  const phase = createValue<SocketPhase>('connecting')
  let heardAtMs = 0
  let used = ''
  let pongTimer: ReturnType<typeof setTimeout> | undefined
  let socket: WebSocket | undefined

  const client = createClient({
    // The token is awaited here, where the library sets no limit to the wait.
    url: async () => {
      used = await token()
      return url
    },
    connectionParams: () => ({ Authorization: `Bearer ${used}` }),
    keepAlive: PING_EVERY_MS,
    connectionAckWaitTimeout: ACK_WITHIN_MS,
    lazyCloseTimeout: 1_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (tries) => pause(backoffMs(tries, 300, 5_000)),
    on: {
      opened: (opened) => {
        socket = opened as WebSocket
      },
      connected: () => {
        heardAtMs = Date.now()
        phase.set('live')
      },
      message: () => {
        heardAtMs = Date.now()
      },
      ping: (received) => {
        if (received) return
        clearTimeout(pongTimer)
        const asked = socket
        // A connection that died without a word: nothing else would notice for minutes.
        pongTimer = setTimeout(() => {
          if (asked === socket && asked?.readyState === WebSocket.OPEN) client.terminate()
        }, PONG_WITHIN_MS)
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimer)
      },
      closed: (event) => {
        clearTimeout(pongTimer)
        const code = typeof event === 'object' && event !== null && 'code' in event ? event.code : undefined
        if (REFUSED_CODES.includes(code)) onRefused(used)
        // 1000: nothing is followed any more, and the next to follow something connects anew.
        phase.set(code === 1000 ? 'connecting' : 'reconnecting')
      },
    },
  })
  return {
    client,
    phase,
    heardAtMs: () => heardAtMs,
    renew() {
      onRefused(used)
      client.terminate()
    },
    end: () => void client.dispose(),
  }
}
