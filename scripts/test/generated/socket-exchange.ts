import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'

export interface SocketOutcome {
  readonly received: readonly Message[]
  /** Of the other side's close; undefined where it would go on. */
  readonly closeCode: number | undefined
}

const ANSWER_MS_MAX = 10_000
/** How long an operation has for its first answer once everything was read: some are refused, and get none. */
const OPERATIONS_MS_MAX = 300
const LAST_PING = 'the last one'

interface Message {
  readonly id?: unknown
  readonly type?: string
  readonly payload?: unknown
}

/** What is followed or asked for, and not left again, by the messages. */
const operationsOf = (messages: readonly (string | Buffer)[]): Set<unknown> => {
  const open = new Set<unknown>()
  for (const message of messages) {
    const { id, type } = messageOf(message) ?? {}
    if (type === 'subscribe') open.add(id)
    if (type === 'complete') open.delete(id)
  }
  return open
}

/** Undefined for what is none. */
const messageOf = (text: string | Buffer): Message | undefined => {
  try {
    return JSON.parse(String(text)) ?? undefined
  } catch {
    return undefined
  }
}

/**
 * Sends messages, then a ping, and waits for its pong and for what is answered to every operation, or for the end. A pong
 * alone says only that all was read: operations take their time.
 * @throws Error where neither pong nor end comes in time.
 */
export const socketExchange = async (
  port: number,
  messages: readonly (string | Buffer)[],
): Promise<SocketOutcome> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, ['graphql-transport-ws'])
  const received: Message[] = []
  const unanswered = operationsOf(messages)
  let isRead = false
  const ended = new Promise<number | undefined>((resolve) => {
    socket.on('error', () => undefined)
    socket.on('close', (code) => resolve(code))
    socket.on('message', (data) => {
      const message = JSON.parse(String(data))
      if (message.type === 'pong' && message.payload?.is === LAST_PING) {
        isRead = true
        void pause(OPERATIONS_MS_MAX, undefined, { ref: false }).then(resolve)
      } else received.push(message)
      unanswered.delete(message.id)
      if (isRead && unanswered.size === 0) resolve(undefined)
    })
  })
  const sendAll = async (): Promise<void> => {
    for (const message of messages) {
      socket.send(message)
      // Who goes on before it is acknowledged is closed for that, and nothing else is ever found.
      if (messageOf(message)?.type === 'connection_init')
        await Promise.race([once(socket, 'message').catch(() => undefined), ended])
    }
    socket.send(JSON.stringify({ type: 'ping', payload: { is: LAST_PING } }))
  }
  socket.on('open', () => void sendAll())
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
