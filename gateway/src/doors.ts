import type { IncomingMessage, ServerResponse } from 'node:http'
import { VotestreamError } from '@votestream/schema/errors'
import type { CrossOrigin } from './cross-origin.js'
import type { Deadline, Deadlines } from './deadlines.js'
import type { RequestLog } from './request-log.js'
import type { CountedCode } from './request-metrics.js'

/** What a door answers with: a text in UTF-8. */
export interface DoorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Of an answer that stands for one operation. */
  readonly code?: CountedCode
  /** How many votes it acknowledges. */
  readonly votes?: number
}

/** Takes requests in their plainest form in front of the router. */
export interface Door {
  readonly url: string
  /** @returns the answer, once it is known; undefined: the request is the router's, and nothing was done. */
  take(request: IncomingMessage, body: Buffer, deadline: Deadline): Promise<DoorAnswer> | undefined
  /** What is answered in place of what `take` gives. */
  failure(error: VotestreamError, request: IncomingMessage): DoorAnswer
  /** An answer was handed to the socket. @param receivedMs when the request had come, by the monotonic clock */
  answered?(request: IncomingMessage, answer: DoorAnswer, receivedMs: number): void
}

export type HandleRequest = (request: IncomingMessage, response: ServerResponse) => void

interface DoorsOptions {
  readonly doors: readonly Door[]
  readonly route: HandleRequest
  /** The server takes no more requests after those that have come. */
  readonly closing: () => boolean
  /** How long a request that was taken may wait for its answer; it gets 504 then. */
  readonly deadlines: Pick<Deadlines, 'begin'>
  readonly requestLog: RequestLog
  /** Of an answer's body; a larger one is not sent. */
  readonly responseBytesMax: number
  /** On every answer. */
  readonly answerHeaders: DoorAnswer['headers']
  readonly crossOrigin: Pick<CrossOrigin, 'headersFor'>
}

/** What is larger than a vote with everything that may come with it, by REST or GraphQL, is the router's. */
const BODY_BYTES_MAX = 8_192

/**
 * Routing, hooks, and the objects that go with them make a bare server a quarter dearer (`npm run bench -- votes`). Where a
 * door stands, a small POST of plain JSON is offered to it first; whatever else comes, and whatever the door does not take,
 * goes to the router as it came.
 */
export const createDoors = (options: DoorsOptions): HandleRequest => {
  const { doors, route, closing, deadlines, requestLog, responseBytesMax, answerHeaders, crossOrigin } =
    options
  const byUrl = new Map(doors.map((door) => [door.url, door]))

  const linesFor = createHeaderLines((origin, headers) => ({
    ...answerHeaders,
    ...crossOrigin.headersFor(origin),
    ...headers,
  }))

  const send = (
    response: ServerResponse,
    origin: string | undefined,
    answer: DoorAnswer,
    length: number,
  ): void => {
    if (response.destroyed) return
    const head = [...linesFor(origin, answer.headers), 'content-length', length]
    // A server that is about to close waits for nobody's next request.
    if (closing()) head.push('connection', 'close')
    response.writeHead(answer.status, head).end(answer.body)
  }

  const pass = (door: Door, request: IncomingMessage, response: ServerResponse, body: Buffer): boolean => {
    const { origin } = request.headers
    const fail = (code: 'TIMEOUT' | 'RESPONSE_TOO_LARGE'): void => {
      const failure = door.failure(new VotestreamError(code), request)
      send(response, origin, failure, Buffer.byteLength(failure.body))
      door.answered?.(request, failure, deadline.beganAtMs)
    }
    const deadline = deadlines.begin(() => fail('TIMEOUT'))
    const answered = door.take(request, body, deadline)
    if (!answered) deadline.done()
    else {
      void answered.then((answer) => {
        if (!deadline.done()) return
        const length = Buffer.byteLength(answer.body)
        if (length > responseBytesMax) fail('RESPONSE_TOO_LARGE')
        else {
          send(response, origin, answer, length)
          door.answered?.(request, answer, deadline.beganAtMs)
        }
        requestLog.answered(request, response.statusCode, deadline.beganAtMs)
      })
    }
    return answered !== undefined
  }

  return (request, response) => {
    const door = byUrl.get(request.url ?? '')
    if (!door || !isPlain(request)) {
      route(request, response)
      return
    }
    readBody(request, (body, giveBack) => {
      if (pass(door, request, response, body)) return
      giveBack()
      route(request, response)
    })
  }
}

type Lines = readonly (string | number)[]

/**
 * Headers in the form that Node takes as it is, each name followed by its value. Those that many answers share, which are
 * frozen, are put together once: for each answer anew this took 2.5 µs, a twentieth of a gateway's time for a vote.
 */
const createHeaderLines = (
  merge: (origin: string | undefined, headers: DoorAnswer['headers']) => DoorAnswer['headers'],
): ((origin: string | undefined, headers: DoorAnswer['headers']) => Lines) => {
  const known = new WeakMap<DoorAnswer['headers'], Lines>()
  return (origin, headers) => {
    // What a page of another host is told depends on its origin.
    if (origin !== undefined || !Object.isFrozen(headers))
      return Object.entries(merge(origin, headers)).flat()
    const before = known.get(headers)
    if (before) return before
    const lines = Object.entries(merge(origin, headers)).flat()
    known.set(headers, lines)
    return lines
  }
}

const isPlain = ({ method, headers }: IncomingMessage): boolean =>
  method === 'POST' &&
  headers['content-type'] === 'application/json' &&
  headers['content-encoding'] === undefined &&
  headers['transfer-encoding'] === undefined &&
  Number(headers['content-length']) > 0 &&
  Number(headers['content-length']) <= BODY_BYTES_MAX

/**
 * Calls back once, with the whole body, before the request's end is told to anybody: until then it can be given back. A
 * request that breaks off has no body, and nobody waits for its answer.
 */
const readBody = (request: IncomingMessage, onBody: (body: Buffer, giveBack: () => void) => void): void => {
  const length = Number(request.headers['content-length'])
  let body: Buffer | undefined
  const take = (chunk: Buffer): void => {
    const read = body ? Buffer.concat([body, chunk]) : chunk
    body = read
    if (read.length < length) return
    onBody(read, () => {
      request.off('data', take)
      request.pause()
      request.unshift(read)
    })
  }
  request.on('data', take)
}
