import { connect } from 'node:net'

export interface RawRequest {
  readonly method: string
  /** As it stands on the request line. */
  readonly path: string
  /** Byte for byte (latin1). The framing is added. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | undefined
}

export interface RawAnswer {
  /** 0 where the other side closed without an answer. */
  readonly status: number
  /** By its name in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

const ANSWER_MS_MAX = 10_000

/**
 * One request on a connection of its own, in which nothing is put right on the way as a client's library would.
 * Of an event stream only the beginning is read.
 * @throws Error where there is no answer in time.
 */
export const rawExchange = (port: number, { method, path, headers, body }: RawRequest): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: close',
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...(body ? [`Content-Length: ${body.length}`] : []),
    ]
    const sent = Buffer.concat([
      Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'),
      body ?? Buffer.alloc(0),
    ])
    const socket = connect(port, '127.0.0.1', () => socket.write(sent))
    const late = setTimeout(() => {
      reject(new Error('no answer in time'))
      socket.destroy()
    }, ANSWER_MS_MAX)
    let came = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      came = Buffer.concat([came, chunk])
      if (came.includes('text/event-stream') && came.includes('\r\n\r\n')) socket.destroy()
    })
    // A side that has answered may close while more is on its way: the answer counts.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(late)
      resolve(answerOf(came))
    })
  })

const answerOf = (bytes: Buffer): RawAnswer => {
  const end = bytes.indexOf('\r\n\r\n')
  const [line = '', ...lines] = bytes.subarray(0, Math.max(0, end)).toString('latin1').split('\r\n')
  const headers = new Map(
    lines.map((each) => {
      const colon = each.indexOf(':')
      return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()] as const
    }),
  )
  const rest = bytes.subarray(end + 4)
  const body = headers.get('transfer-encoding') === 'chunked' ? unchunked(rest) : rest
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1] ?? 0),
    headers,
    body: body.toString('utf8'),
  }
}

const unchunked = (bytes: Buffer): Buffer => {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const length = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    if (lineEnd < 0 || !(length > 0)) break
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  return Buffer.concat(parts)
}
