import type { IncomingMessage, RequestListener } from 'node:http'

export type AnswerHeaders = Readonly<Record<string, string>>

/** Which pages of other hosts may call this one from a browser. */
export interface CrossOrigin {
  /** What an answer says to a browser on a page of that origin. */
  headersFor(origin: string | undefined): AnswerHeaders
  /** What a browser is told that asks before it sends; undefined: that is not what is asked, or not from where it may. */
  preflight(request: Pick<IncomingMessage, 'method' | 'headers'>): AnswerHeaders | undefined
  /**
   * Whether a socket may be opened: nothing else keeps pages of other hosts from that. Clients that are no browsers name
   * no origin.
   */
  mayConnect(headers: IncomingMessage['headers']): boolean
}

const METHODS = 'GET, HEAD, POST'
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'idempotency-key',
  'traceparent',
  'tracestate',
  'x-amzn-trace-id',
  'if-none-match',
  'last-event-id',
  'x-api-key',
  'apollo-require-preflight',
].join(', ')
const SHOWN_HEADERS = 'etag, retry-after, ratelimit, ratelimit-policy, x-amzn-trace-id'
/** As long as browsers remember it at most. */
const REMEMBERED_SECONDS = 7_200

/**
 * Credentials are in the `Authorization` header, which no browser sends by itself: cookies are never allowed for.
 * @param origins as browsers send them: `https://vote.example.org`
 */
export const createCrossOrigin = (origins: readonly string[]): CrossOrigin => {
  // Caches must not show one origin what was answered to another.
  const others: AnswerHeaders = origins.length > 0 ? { vary: 'Origin' } : {}
  const byOrigin = new Map<string, AnswerHeaders>(
    origins.map((origin) => [
      origin,
      {
        ...others,
        'access-control-allow-origin': origin,
        'access-control-expose-headers': SHOWN_HEADERS,
        // What another origin may read, its pages may load.
        'cross-origin-resource-policy': 'cross-origin',
      },
    ]),
  )
  return {
    headersFor: (origin) => (origin === undefined ? others : (byOrigin.get(origin) ?? others)),
    preflight({ method, headers }) {
      if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return undefined
      const allowed = byOrigin.get(headers.origin ?? '')
      return (
        allowed && {
          ...allowed,
          'access-control-allow-methods': METHODS,
          'access-control-allow-headers': REQUEST_HEADERS,
          'access-control-max-age': String(REMEMBERED_SECONDS),
        }
      )
    },
    mayConnect: ({ origin, host }) => origin === undefined || byOrigin.has(origin) || hostOf(origin) === host,
  }
}

/** In front of everything else: what a browser asks beforehand is the same for every path. */
export const answerPreflights =
  (crossOrigin: CrossOrigin, answerHeaders: AnswerHeaders, handler: RequestListener): RequestListener =>
  (request, response) => {
    const headers = crossOrigin.preflight(request)
    if (headers) response.writeHead(204, { ...answerHeaders, ...headers }).end()
    else handler(request, response)
  }

/** Undefined for what is no origin: `null` among others, which stands for a page that has none. */
const hostOf = (origin: string): string | undefined => {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}

/** What is wrong with an origin in a list; undefined: nothing. */
export const originFault = (origin: string): string | undefined => {
  if (origin === '*') return 'must name each origin: * would be everybody'
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.origin === origin) return undefined
  return `${origin} is no origin, such as https://vote.example.org`
}
