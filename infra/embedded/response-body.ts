import { createReadStream, rmSync, type Stats, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as zlib from 'node:zlib'

const contentTypes: [RegExp, string][] = [
  [
    /^(JSONEachRow|JSONStringsEachRow|JSONCompactEachRow.*|JSONCompactStringsEachRow.*|JSONEachRowWithProgress|NDJSON|JSONLines)$/,
    'application/x-ndjson; charset=UTF-8',
  ],
  [/^JSON/, 'application/json; charset=UTF-8'],
  [/^CSV/, 'text/csv; charset=UTF-8; header=absent'],
  [/^(TabSeparated|TSV)/, 'text/tab-separated-values; charset=UTF-8'],
  [/^XML$/, 'application/xml; charset=UTF-8'],
  [
    /^(RowBinary|Native|Parquet|Arrow|ORC|Avro|BSON|MsgPack|Protobuf|CapnProto|Npy)/,
    'application/octet-stream',
  ],
]

export function contentTypeOf(format: string): string {
  const known = contentTypes.find(([pattern]) => pattern.test(format))?.[1] ?? 'text/plain; charset=UTF-8'
  return /^CSV.*WithNames/.test(format) ? 'text/csv; charset=UTF-8; header=present' : known
}

/** The encoding to answer in, as ClickHouse chooses it: only where the setting asks for it and the client accepts it. */
export function responseEncoding(request: IncomingMessage, enabled: boolean): string | undefined {
  if (!enabled) return undefined
  const accepted = (request.headers['accept-encoding']?.toString() ?? '').toLowerCase()
  const offered = ['br', 'zstd', 'gzip', 'deflate'].filter(
    (name) => name !== 'zstd' || 'createZstdCompress' in zlib,
  )
  return offered.find((name) => accepted.split(',').some((part) => part.split(';')[0]?.trim() === name))
}

export type ResultBody = { kind: 'bytes'; bytes: Uint8Array } | { kind: 'file'; file: string }

/** Sends a result with as much memory as one chunk takes; a file is gone afterwards, whatever happens. */
export async function sendResult(response: ServerResponse, body: ResultBody, encoding: string | undefined) {
  const size = body.kind === 'bytes' ? body.bytes.length : (statistics(body.file)?.size ?? 0)
  const source =
    size === 0 ? Readable.from([]) : body.kind === 'bytes' ? Readable.from([body.bytes]) : opened(body.file)
  if (encoding === undefined) {
    response.setHeader('Content-Length', size)
    await pipeline(source, response)
    return
  }
  response.setHeader('Content-Encoding', encoding)
  await pipeline(source, encoder(encoding), response)
}

function statistics(file: string): Stats | undefined {
  // FORMAT Null makes no file.
  return statSync(file, { throwIfNoEntry: false })
}

function opened(file: string): Readable {
  const stream = createReadStream(file, { highWaterMark: 256 * 1024 })
  // Whoever asked may have gone meanwhile, and the file with it.
  stream.once('open', () => rmSync(file, { force: true }))
  return stream
}

function encoder(encoding: string) {
  const level = 3
  if (encoding === 'gzip') return zlib.createGzip({ level })
  if (encoding === 'deflate') return zlib.createDeflate({ level })
  if (encoding === 'zstd' && 'createZstdCompress' in zlib) {
    // Newer Node versions have it; the typings of the oldest supported one do not.
    return (zlib.createZstdCompress as () => zlib.Gzip)()
  }
  return zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: level } })
}
