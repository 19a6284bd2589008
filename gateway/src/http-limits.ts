/** What a request over HTTP may be, and how long its parts may take. */
export interface HttpLimits {
  /** Of a request's body. */
  readonly requestBytesMax: number
  /** Of an answer's body; streams of events are exempt. */
  readonly responseBytesMax: number
  /** Request line and headers together, as they stand on the wire. */
  readonly headerBytesMax: number
  /** From a request's first byte to the end of its headers, and of its body. */
  readonly headersTimeoutMs: number
  readonly arrivalTimeoutMs: number
  /** From the end of its headers to its answer. */
  readonly requestTimeoutMs: number
  /** How long a connection waits for its next request. */
  readonly keepAliveMs: number
  /** After so many requests a connection is closed: its client comes back, maybe to another gateway. */
  readonly requestsPerConnectionMax: number
  /** Connections at once on which HTTP is spoken, streams of events included; upgraded ones are not counted. */
  readonly connectionsMax: number
}

/** A managed API gateway has these, too: they may be lowered, and not raised. */
export const BODY_BYTES_LIMIT = 10 * 1024 * 1024
export const HEADER_BYTES_LIMIT = 10_240

export const HTTP_LIMITS: HttpLimits = {
  requestBytesMax: BODY_BYTES_LIMIT,
  responseBytesMax: BODY_BYTES_LIMIT,
  headerBytesMax: HEADER_BYTES_LIMIT,
  headersTimeoutMs: 10_000,
  arrivalTimeoutMs: 20_000,
  requestTimeoutMs: 29_000,
  // Longer than the idle time of common load balancers, so that it is they who close.
  keepAliveMs: 72_000,
  requestsPerConnectionMax: 100_000,
  connectionsMax: 50_000,
}
