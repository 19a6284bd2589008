import { randomBytes } from 'node:crypto'
import { clientFrame, createFrameReader, type Frame, OPCODE } from './frames.js'
import { openSocket } from './open-socket.js'
import type { Target } from './protocol.js'

export interface LiveSocket {
  send(text: string): void
  /** Reads nothing more. */
  pause(): void
  /** Without a word; `onClose` hears of it, too. */
  terminate(): void
}

export interface LiveSocketOptions {
  readonly target: Target
  /** Of the `host` header. */
  readonly host: string
  readonly path: string
  readonly protocol: string | undefined
  /** Each address of one's own has ports for a few ten thousand. */
  readonly localAddress?: string
  readonly onOpen: (socket: LiveSocket) => void
  /** A text; the bytes are only good until it returns. */
  readonly onText: (text: Buffer, socket: LiveSocket) => void
  /** Once, however it ended: what the server said, or what went wrong. */
  readonly onClose: (reason: string) => void
}

const HEAD_END = '\r\n\r\n'
const SWITCHED = Buffer.from('HTTP/1.1 101')

/**
 * A WebSocket that takes less processor time than a full client, so that thousands of them leave the machine to what is
 * measured: its bytes are not copied, and nothing is checked but what is counted.
 */
export const openLiveSocket = (options: LiveSocketOptions): LiveSocket => {
  const { target, host, path, protocol, localAddress, onOpen, onText, onClose } = options
  let opened = false
  let reason = 'the connection was closed'
  const read = createFrameReader((frame) => take(frame))
  const socket = openSocket(target, (bytes) => (opened ? read(bytes) : open(bytes)), localAddress)
  const fail = (why: string): void => {
    reason = why
    socket.destroy()
  }
  const live: LiveSocket = {
    send: (text) => void socket.write(clientFrame(OPCODE.text, Buffer.from(text))),
    pause: () => void socket.pause(),
    terminate: () => void socket.destroy(),
  }
  const take = ({ opcode, payload }: Frame): void => {
    if (opcode === OPCODE.text) onText(payload, live)
    else if (opcode === OPCODE.ping) socket.write(clientFrame(OPCODE.pong, payload))
    else if (opcode === OPCODE.close) fail(closingOf(payload))
  }
  const open = (bytes: Buffer): void => {
    const end = bytes.indexOf(HEAD_END)
    if (!bytes.subarray(0, SWITCHED.length).equals(SWITCHED) || end === -1) {
      fail(`it was not opened: ${bytes.subarray(0, 200)}`)
      return
    }
    opened = true
    onOpen(live)
    const behind = bytes.subarray(end + HEAD_END.length)
    if (behind.length > 0) read(behind)
  }
  socket.on('error', (error) => {
    reason = error.message
  })
  socket.on('close', () => onClose(reason))
  socket.write(upgradeOf(host, path, protocol))
  return live
}

const closingOf = (payload: Buffer): string =>
  payload.length < 2 ? 'closed by the server' : `${payload.readUInt16BE(0)} ${payload.subarray(2)}`

const upgradeOf = (host: string, path: string, protocol: string | undefined): string =>
  [
    `GET ${path} HTTP/1.1`,
    `host: ${host}`,
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
    ...(protocol === undefined ? [] : [`sec-websocket-protocol: ${protocol}`]),
    '',
    '',
  ].join('\r\n')
