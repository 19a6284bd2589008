import { connect } from 'node:net'

export interface TcpQuestion {
  readonly port: number
  /** Sent once connected; nothing for a server that speaks first. */
  readonly send?: string
  /** Whether what came so far is the answer; asked with every piece. */
  readonly accept: (received: string) => boolean
  readonly timeoutMs?: number
}

const receivedBytesMax = 64 * 1024

/** Whether a server on 127.0.0.1 gives the answer that it should; false for any other answer or none. */
export function tcpAnswers({ port, send, accept, timeoutMs = 1_000 }: TcpQuestion): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    let received = ''
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(timeoutMs, () => finish(false))
    socket.on('error', () => finish(false))
    socket.on('close', () => finish(false))
    socket.on('connect', () => {
      if (send !== undefined) socket.write(send)
    })
    socket.on('data', (piece) => {
      received += piece.toString('utf8')
      if (accept(received)) finish(true)
      else if (received.length > receivedBytesMax) finish(false)
    })
  })
}
