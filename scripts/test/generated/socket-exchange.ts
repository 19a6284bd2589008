import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'

export interface SocketOutcome {
  readonly received: readonly { readonly type?: string; readonly payload?: unknown }[]
  /** Of the other side's close; undefined where it would go on. */
  readonly closeCode: number | undefined
}

const ANSWER_MS_MAX = 10_000
const LAST_PING = 'the last one'

/**
 * Sends messages, then a ping, and waits for its pong or for the end.
 * @throws Error where neither comes in time.
 */
export const socketExchange = async (
  port: number,
  messages: readonly (string | Buffer)[],
): Promise<SocketOutcome> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, ['graphql-transport-ws'])
  const received: { type?: string; payload?: unknown }[] = []
  const ended = new Promise<number | undefined>((resolve) => {
    socket.on('error', () => undefined)
    socket.on('close', (code) => resolve(code))
    socket.on('message', (data) => {
      const message = JSON.parse(String(data))
      if (message.type === 'pong' && message.payload?.is === LAST_PING) resolve(undefined)
      else received.push(message)
    })
  })
  socket.on('open', () => {
    for (const message of messages) socket.send(message)
    socket.send(JSON.stringify({ type: 'ping', payload: { is: LAST_PING } }))
  })
  const timer = new AbortController()
  const late = pause(ANSWER_MS_MAX, 'late' as const, { signal: timer.signal })
  late.catch(() => undefined)
  try {
    const closeCode = await Promise.race([ended, late])
    if (closeCode === 'late') throw new Error('neither a pong nor a close')
    return { received, closeCode }
  } finally {
    timer.abort()
    socket.terminate()
  }
}
