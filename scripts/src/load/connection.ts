import type { Socket } from 'node:net'
import { openSocket } from './open-socket.js'
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

export const openConnection = (target: Target, events: ConnectionEvents): Connection => {
  let state: State = 'opening'
  let socket: Socket
  const answer = createAnswer()

  /** Another socket takes the place of this one in a moment. */
  const replace = (): void => {
    state = 'waiting'
    answer.forget()
    socket.destroy()
    setTimeout(open, AGAIN_MS)
  }
  const lose = (own: Socket, outcome: Outcome): void => {
    if (own !== socket || state === 'waiting' || state === 'closed') return
    const before = state
    replace()
    if (before === 'busy') events.onLost(outcome)
    if (before === 'free') events.onUnfree()
  }
  const settle = (own: Socket, parsed: Parsed): void => {
    // One request is on its way: whatever comes besides its answer belongs to nothing.
    if (state !== 'busy' || parsed.is === 'malformed') lose(own, MALFORMED_ANSWER)
    if (parsed.is !== 'whole' || state !== 'busy') return
    // The state comes first: whoever hears of the answer may send the next request.
    if (parsed.closes) replace()
    else state = 'free'
    events.onAnswer(parsed.status, parsed.body)
    if (!parsed.closes) events.onFree(false)
  }

  const open = (): void => {
    if (state === 'closed') return
    state = 'opening'
    const own = openSocket(target, (bytes) => {
      if (own === socket) settle(own, answer.take(bytes))
    })
    socket = own
    own.on(target.isTls ? 'secureConnect' : 'connect', () => {
      state = 'free'
      events.onFree(true)
    })
    own.on('end', () => {
      const parsed = own === socket ? answer.end() : null
      if (parsed?.is === 'whole') settle(own, parsed)
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
    abandon: replace,
    close() {
      state = 'closed'
      socket.destroy()
    },
  }
}

/** The bytes of one answer, until it is whole. */
const createAnswer = () => {
  let gathered: Buffer | undefined
  return {
    /** @param bytes valid for the moment only, as is the body of what is returned */
    take(bytes: Buffer): Parsed {
      const all = gathered ? Buffer.concat([gathered, bytes]) : bytes
      const parsed = parseResponse(all)
      gathered = undefined
      if (parsed.is === 'incomplete') {
        if (all.length > ANSWER_BYTES_MAX) return { is: 'malformed' }
        gathered = all === bytes ? Buffer.from(all) : all
      }
      return parsed.is === 'whole' && parsed.length !== all.length ? { is: 'malformed' } : parsed
    },
    /** The server says no more. */
    end(): Parsed | null {
      const parsed = gathered ? parseResponse(gathered, true) : null
      gathered = undefined
      return parsed
    },
    forget(): void {
      gathered = undefined
    },
  }
}
