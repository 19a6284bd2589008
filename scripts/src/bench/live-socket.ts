import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { clientFrame, createFrameReader, type Frame, OPCODE } from './frames.js'

export interface LiveSocket {
  send(text: string): void
  /** Reads nothing more. */
  pause(): void
  terminate(): void
}

export interface LiveSocketOptions {
  readonly port: number
  readonly path: string
  readonly protocol: string | undefined
  readonly localAddress: string
  readonly onOpen: (socket: LiveSocket) => void
  /** A text; the bytes are only good until it returns. */
  readonly onText: (text: Buffer, socket: LiveSocket) => void
  readonly onError: (error: Error) => void
}

/** All connections are read into this, one after the other. */
const memory = Buffer.allocUnsafe(256 * 1024)
const HEAD_END = '\r\n\r\n'

/**
 * A WebSocket that takes half of the processor time of a full client, so that thousands of them leave the machine to what
 * is measured: every connection is read into the same memory, and nothing is checked but what is counted.
 */
export const openLiveSocket = (options: LiveSocketOptions): LiveSocket => {
  const { port, path, protocol, localAddress, onOpen, onText, onError } = options
  const read = createFrameReader((frame) => take(frame))
  let opened = false
  const socket = connect({
    port,
    host: '127.0.0.1',
    localAddress,
    noDelay: true,
    onread: {
      buffer: memory,
      callback(length, bytes) {
        const arrived = Buffer.from(bytes.buffer, bytes.byteOffset, length)
        if (opened) read(arrived)
        else open(arrived)
        return true
      },
    },
  })
  const live: LiveSocket = {
    send: (text) => void socket.write(clientFrame(OPCODE.text, Buffer.from(text))),
    pause: () => void socket.pause(),
    terminate: () => void socket.destroy(),
  }
  const take = ({ opcode, payload }: Frame): void => {
    if (opcode === OPCODE.text) onText(payload, live)
    else if (opcode === OPCODE.ping) socket.write(clientFrame(OPCODE.pong, payload))
    else if (opcode === OPCODE.close) onError(new Error(`closed by the server: ${payload.subarray(2)}`))
  }
  const open = (bytes: Buffer): void => {
    const end = bytes.indexOf(HEAD_END)
    if (!bytes.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101')) || end === -1) {
      onError(new Error(`not opened: ${bytes.subarray(0, 200)}`))
      return
    }
    opened = true
    onOpen(live)
    const behind = bytes.subarray(end + HEAD_END.length)
    if (behind.length > 0) read(behind)
  }
  socket.on('error', onError)
  socket.on('connect', () => socket.write(upgradeOf(path, protocol)))
  return live
}

const upgradeOf = (path: string, protocol: string | undefined): string =>
  [
    `GET ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
    ...(protocol === undefined ? [] : [`sec-websocket-protocol: ${protocol}`]),
    '',
    '',
  ].join('\r\n')
