import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { CONNECTION_LOST, MALFORMED_ANSWER } from './outcomes.js'
import type { Outcome, Target } from './protocol.js'
import { type Parsed, parseResponse } from './response.js'

/** A connection that is kept open, with at most one request on its way. */
export interface Connection {
  /** Only when it is free: after `onFree`, once. */
  send(request: Uint8Array): void
  /** Gives the request on its way up, and the connection with it: its answer could come later. */
  abandon(): void
  close(): void
}

export interface ConnectionEvents {
  /** It can take a request. @param isNew it was opened just now; otherwise, it was answered */
  onFree(isNew: boolean): void
  /** It was free and is no longer: the server closed it. */
  onUnfree(): void
  onAnswer(status: number, body: Buffer): void
  /** The request on its way has no answer. */
  onLost(outcome: Outcome): void
  /** Opening it failed; it is tried again. */
  onRefused(error: Error): void
}

type State = 'opening' | 'free' | 'busy' | 'waiting' | 'closed'

/** A connection that was lost is opened again after so long. */
const AGAIN_MS = 100
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

// One for all: what is read is parsed before anything else is read.
const memory = Buffer.allocUnsafe(64 * 1024)

export const openConnection = (target: Target, events: ConnectionEvents): Connection => {
  let state: State = 'opening'
  let socket: Socket
  // Of an answer that is not whole yet.
  let gathered: Buffer | undefined

  const lose = (lost: Socket, outcome: Outcome): void => {
    if (lost !== socket || state === 'waiting' || state === 'closed') return
    const before = state
    state = 'waiting'
    gathered = undefined
    lost.destroy()
    setTimeout(open, AGAIN_MS)
    if (before === 'busy') events.onLost(outcome)
    if (before === 'free') events.onUnfree()
  }

  const settle = (own: Socket, parsed: Parsed, received: number): void => {
    // One request is on its way: whatever comes besides its answer belongs to nothing.
    if (parsed.is !== 'whole' || parsed.length !== received) {
      lose(own, MALFORMED_ANSWER)
      return
    }
    const { status, body, closes } = parsed
    // The state comes first: whoever hears of the answer may send the next request.
    state = closes ? 'waiting' : 'free'
    if (closes) {
      own.destroy()
      setTimeout(open, AGAIN_MS)
    }
    gathered = undefined
    events.onAnswer(status, body)
    if (!closes) events.onFree(false)
  }

  const read = (own: Socket, length: number): void => {
    if (own !== socket) return
    if (state !== 'busy') {
      lose(own, CONNECTION_LOST)
      return
    }
    const bytes = gathered
      ? Buffer.concat([gathered, memory.subarray(0, length)])
      : memory.subarray(0, length)
    const parsed = parseResponse(bytes)
    if (parsed.is !== 'incomplete') settle(own, parsed, bytes.length)
    else if (bytes.length > ANSWER_BYTES_MAX) lose(own, MALFORMED_ANSWER)
    else gathered = gathered ? bytes : Buffer.from(bytes)
  }

  const open = (): void => {
    if (state === 'closed') return
    state = 'opening'
    const own = openSocket(target, (length) => read(own, length))
    socket = own
    own.on(target.isTls ? 'secureConnect' : 'connect', () => {
      state = 'free'
      events.onFree(true)
    })
    own.on('end', () => {
      // An answer without a length is whole now.
      const parsed = own === socket && gathered ? parseResponse(gathered, true) : null
      if (gathered && parsed?.is === 'whole') settle(own, parsed, gathered.length)
      lose(own, CONNECTION_LOST)
    })
    own.on('error', (error) => {
      if (own === socket && state === 'opening') events.onRefused(error)
      lose(own, CONNECTION_LOST)
    })
    own.on('close', () => lose(own, CONNECTION_LOST))
  }

  open()
  return {
    send(request) {
      state = 'busy'
      socket.write(request)
    },
    abandon() {
      state = 'waiting'
      gathered = undefined
      socket.destroy()
      setTimeout(open, AGAIN_MS)
    },
    close() {
      state = 'closed'
      socket.destroy()
    },
  }
}

const openSocket = ({ host, port, isTls }: Target, take: (length: number) => void): Socket => {
  const callback = (length: number): boolean => {
    take(length)
    return true
  }
  const onread = { buffer: memory, callback }
  if (!isTls) return connectTcp({ host, port, noDelay: true, onread })
  // An address is no name of a server.
  const named = isIP(host) ? {} : { servername: host }
  const options = { host, port, ...named, ALPNProtocols: ['http/1.1'], onread }
  return connectTls(options).setNoDelay(true)
}
