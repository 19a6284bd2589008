import { closeSync, openSync, writeSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { refusal } from './exception-status.js'

export interface BodyLimits {
  /** Bytes of the whole body, after decompression. */
  bodyBytesMax: number
  /** Bytes of the part that is SQL. */
  queryBytesMax: number
}

/** A request's body, decompressed, read in two steps: the head that holds the statement, then the data. */
export function createRequestBody(request: IncomingMessage, limits: BodyLimits) {
  const chunks = decoded(request)[Symbol.asyncIterator]()
  let total = 0
  let ended = false

  async function next(): Promise<Buffer | undefined> {
    if (ended) return undefined
    const step = await chunks.next().catch((cause: unknown) => {
      ended = true
      throw refusal(
        'ZLIB_INFLATE_FAILED',
        `Cannot read the body: ${cause instanceof Error ? cause.message : 'cut off'}`,
      )
    })
    if (step.done === true) {
      ended = true
      return undefined
    }
    total += step.value.length
    if (total > limits.bodyBytesMax) {
      throw refusal('TOO_MANY_BYTES', `The body is larger than ${limits.bodyBytesMax} bytes.`)
    }
    return step.value
  }

  return {
    /** The body, or as much of it as may be a statement; `complete` when that is all. */
    async head(): Promise<{ bytes: Buffer; complete: boolean }> {
      const parts: Buffer[] = []
      let size = 0
      while (size <= limits.queryBytesMax) {
        const part = await next()
        if (part === undefined) return { bytes: Buffer.concat(parts), complete: true }
        parts.push(part)
        size += part.length
      }
      return { bytes: Buffer.concat(parts), complete: false }
    },
    /**
     * Writes `first` and what remains of the body to a file and returns the number of bytes. The file is read by the
     * engine at once and then removed, so it lives in the page cache; it is not synced, because nothing is
     * acknowledged on its strength. Synchronous writes: they are copies of 64 KB, cheaper than a trip to a thread.
     */
    async spool(file: string, first: Buffer): Promise<number> {
      const descriptor = openSync(file, 'wx', 0o600)
      let bytes = 0
      try {
        for (let part: Buffer | undefined = first; part !== undefined; part = await next()) {
          for (let at = 0; at < part.length; ) at += writeSync(descriptor, part, at)
          bytes += part.length
        }
        return bytes
      } finally {
        closeSync(descriptor)
      }
    },
  }
}

function decoded(request: IncomingMessage): Readable {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity' || encoding === '') return request
  const transform = decoder(encoding)
  // The iterator that reads `transform` sees the error; nobody else needs to.
  return pipeline(request, transform, () => undefined)
}

function decoder(encoding: string) {
  if (encoding === 'gzip') return zlib.createGunzip()
  if (encoding === 'deflate') return zlib.createInflate()
  if (encoding === 'br') return zlib.createBrotliDecompress()
  if (encoding === 'zstd' && 'createZstdDecompress' in zlib) {
    // Newer Node versions have it; the typings of the oldest supported one do not.
    return (zlib.createZstdDecompress as () => zlib.Gunzip)()
  }
  throw refusal('UNKNOWN_COMPRESSION_METHOD', `Unknown compression method: ${encoding}`)
}
