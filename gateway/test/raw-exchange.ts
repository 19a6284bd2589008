import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

export const portOf = ({ server }: Pick<FastifyInstance, 'server'>): number => {
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('the server does not listen')
  return address.port
}

/** A connection on which bytes are sent as they are. */
export interface RawConnection {
  readonly socket: Socket
  /** All that came so far. */
  text(): string
  /** Resolves when what came so far holds it. */
  until(pattern: RegExp): Promise<string>
  /** Resolves, with all that came, when the server has closed. */
  closed: Promise<string>
}

export const openRaw = async (port: number): Promise<RawConnection> => {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let seen: () => void = () => undefined
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    seen()
  })
  // What the server resets is closed, too.
  socket.on('error', () => undefined)
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      seen()
      resolve(text)
    })
  })
  await once(socket, 'connect')
  return {
    socket,
    closed,
    text: () => text,
    async until(pattern) {
      while (!pattern.test(text)) {
        if (socket.destroyed) throw new Error(`closed after: ${text}`)
        await new Promise<void>((resolve) => {
          seen = resolve
        })
      }
      return text
    },
  }
}

/** Sends bytes as they are, and gives what came until the server closed. */
export const exchangeRaw = async (port: number, bytes: string): Promise<string> => {
  const { socket, closed } = await openRaw(port)
  socket.write(bytes, 'latin1')
  return closed
}

/** The status and the problem of the last answer in a text. */
export const lastAnswer = (text: string): { status: number; code: string | undefined; head: string } => {
  const start = text.lastIndexOf('HTTP/1.1 ')
  const [head = '', body = ''] = text.slice(start).split('\r\n\r\n')
  const { code } = body.startsWith('{') ? (JSON.parse(body) as { code?: string }) : {}
  return { status: Number(head.slice(9, 12)), code, head }
}
