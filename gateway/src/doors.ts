import type { IncomingMessage, ServerResponse } from 'node:http'

/** What a door answers with: a text in UTF-8. */
export interface DoorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Takes requests in their plainest form in front of the router. */
export interface Door {
  readonly url: string
  /** @returns the answer, once it is known; undefined: the request is the router's, and nothing was done. */
  take(request: IncomingMessage, body: Buffer): Promise<DoorAnswer> | undefined
}

export type HandleRequest = (request: IncomingMessage, response: ServerResponse) => void

interface DoorsOptions {
  readonly doors: readonly Door[]
  readonly route: HandleRequest
  /** The server takes no more requests after those that have come. */
  readonly closing: () => boolean
}

/** What is larger than a vote with everything that may come with it, by REST or GraphQL, is the router's. */
const BODY_BYTES_MAX = 8_192

/**
 * Routing, hooks, and the objects that go with them make a bare server a quarter dearer (`npm run bench -- votes`). Where a
 * door stands, a small POST of plain JSON is offered to it first; whatever else comes, and whatever the door does not take,
 * goes to the router as it came.
 */
export const createDoors = ({ doors, route, closing }: DoorsOptions): HandleRequest => {
  const byUrl = new Map(doors.map((door) => [door.url, door]))

  const answer = (response: ServerResponse, { status, headers, body }: DoorAnswer): void => {
    if (response.destroyed) return
    // A server that is about to close waits for nobody's next request.
    const ending = closing() ? { connection: 'close' } : {}
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body), ...ending }).end(body)
  }

  return (request, response) => {
    const door = byUrl.get(request.url ?? '')
    if (!door || !isPlain(request)) {
      route(request, response)
      return
    }
    readBody(request, (body, giveBack) => {
      const answered = door.take(request, body)
      if (answered) void answered.then((given) => answer(response, given))
      else {
        giveBack()
        route(request, response)
      }
    })
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
