import type { RequestPack, Series } from './protocol.js'

/** Requests as they go over the wire: head and body, HTTP/1.1, with `content-length` and without `connection: close`. */
export interface RequestSource {
  readonly count: number
  /** 256 at most. */
  readonly series: readonly Series[]
  /** @param index from 0 to `count` - 1 */
  at(index: number): WireRequest
}

export interface WireRequest {
  /** By position in the list of series. */
  readonly series: number
  readonly text: string
}

/** One request, as often as it is wanted: for a bare server, or for reads. */
export const sameRequest = (series: Series, text: string, count = 1): RequestSource => ({
  count,
  series: [series],
  at: () => ({ series: 0, text }),
})

/** @param headers besides `host` and those of the body @param body JSON */
export const wireText = (
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): string => {
  const text = body === undefined ? '' : JSON.stringify(body)
  const content =
    body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }
  const lines = Object.entries({ ...headers, ...content }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`
}

/** So much of them is sent to a process at once. */
const PACK_BYTES = 1024 * 1024
const PACK_REQUESTS = 4_096

/** The requests of one process, in its order. */
export function* packsOf(
  source: RequestSource,
  {
    position,
    processes,
    count,
  }: { readonly position: number; readonly processes: number; readonly count: number },
): Generator<RequestPack> {
  let parts: Buffer[] = []
  let ends: number[] = []
  let series: number[] = []
  let length = 0
  const pack = (): RequestPack => ({
    bytes: Buffer.concat(parts),
    ends: Uint32Array.from(ends),
    series: Uint8Array.from(series),
  })
  for (let index = 0; index < count; index += 1) {
    const request = source.at(index * processes + position)
    const bytes = Buffer.from(request.text)
    parts.push(bytes)
    length += bytes.length
    ends.push(length)
    series.push(request.series)
    if (length < PACK_BYTES && ends.length < PACK_REQUESTS) continue
    yield pack()
    parts = []
    ends = []
    series = []
    length = 0
  }
  if (ends.length > 0) yield pack()
}
