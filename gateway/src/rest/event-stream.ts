import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Viewer } from '../live/audience.js'

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */

/** One event; what it holds has no line breaks. */
export const eventOf = (id: number, json: string): Buffer => Buffer.from(`id: ${id}\ndata: ${json}\n\n`)

/** A peer that is gone is noticed by writing to it, and a proxy keeps open what is written to. */
const KEEP_ALIVE_MS = 15_000
/** How soon a browser comes back when its stream ended. */
const RETRY_MS = 1_000

export interface EventStream {
  readonly viewer: Viewer
  /** When the head of the answer is out: from then on there is nothing else to answer. */
  readonly begun: Promise<void>
  end(): void
}

/**
 * @param headers what every answer has
 * @param lastEventId what the client saw last: it is not shown again, when it is the first there is
 */
export const openEventStream = (
  response: ServerResponse,
  headers: OutgoingHttpHeaders,
  lastEventId: string | undefined,
): EventStream => {
  const seen = lastEventId === undefined ? undefined : Buffer.from(`id: ${lastEventId}\n`)
  let begin: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  let first = true
  const keepAlive = setInterval(() => {
    if (response.headersSent) response.write(':\n\n')
  }, KEEP_ALIVE_MS).unref()
  response.once('close', () => clearInterval(keepAlive))

  const writeHead = (): void => {
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      // For proxies that would otherwise gather the answer.
      'x-accel-buffering': 'no',
    })
    response.write(`retry: ${RETRY_MS}\n\n`)
    begin()
  }

  return {
    begun,
    viewer: {
      get bufferedBytes() {
        return response.writableLength
      },
      send(payload) {
        if (response.destroyed) return
        if (first) writeHead()
        const known = first && seen !== undefined && payload.subarray(0, seen.length).equals(seen)
        first = false
        if (!known) response.write(payload)
      },
      drop: () => response.destroy(),
    },
    end: () => void response.end(),
  }
}
