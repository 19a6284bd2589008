import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'
import { TRACE_PROTO } from './trace-proto.js'

/** A span as it was exported. */
export interface ReceivedSpan {
  /** `service.name` of whoever exported it. */
  readonly service: string
  readonly resource: Attributes
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified'
  readonly traceId: string
  readonly spanId: string
  /** Empty where it is the first of its trace. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Attributes
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly failed: boolean
}

export type Attributes = Readonly<Record<string, string | number | boolean>>

export interface OtlpReceiver {
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** What is done with the next exports: taken, refused, or never answered. */
  answer: 'take' | 'refuse' | 'hang'
  /** Exports that came, whatever was done with them. */
  readonly exports: number
  stop(): Promise<void>
}

/** Takes traces by OTLP over HTTP, and reads what was really sent. */
export const startOtlpReceiver = async (): Promise<OtlpReceiver> => {
  const spans: ReceivedSpan[] = []
  let exports = 0
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request)
    exports += 1
    if (receiver.answer === 'hang') return
    if (receiver.answer === 'refuse') return void response.writeHead(400).end()
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf') {
      return void response.writeHead(404).end()
    }
    spans.push(...spansOf(body))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${port}`,
    spans,
    answer: 'take',
    get exports() {
      return exports
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const body = Buffer.concat(pieces)
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}

const requestType = protobuf
  .parse(TRACE_PROTO, { keepCase: true })
  .root.lookupType('ExportTraceServiceRequest')

interface KeyValue {
  readonly key: string
  readonly value?: Readonly<Record<string, string | number | boolean>>
}

interface WireSpan {
  readonly trace_id: string
  readonly span_id: string
  readonly parent_span_id: string
  readonly trace_state: string
  readonly name: string
  readonly kind: number
  readonly start_time_unix_nano: string
  readonly end_time_unix_nano: string
  readonly attributes: readonly KeyValue[]
  readonly links: readonly { readonly trace_id: string; readonly span_id: string }[]
  readonly status?: { readonly code: number }
}

interface WireRequest {
  readonly resource_spans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scope_spans: readonly { readonly spans: readonly WireSpan[] }[]
  }[]
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const FAILED = 2

const spansOf = (body: Buffer): ReceivedSpan[] => {
  // The shape is that of the messages above, with numbers of 64 bits and bytes as texts.
  const request = requestType.toObject(requestType.decode(body), {
    longs: String,
    bytes: String,
    defaults: true,
  }) as WireRequest
  return request.resource_spans.flatMap(({ resource, scope_spans }) => {
    const about = attributesOf(resource.attributes)
    return scope_spans.flatMap(({ spans }) => spans.map((span) => spanOf(span, about)))
  })
}

const spanOf = (span: WireSpan, resource: Attributes): ReceivedSpan => ({
  service: String(resource['service.name']),
  resource,
  name: span.name,
  kind: KINDS[span.kind] ?? 'unspecified',
  traceId: hexOf(span.trace_id),
  spanId: hexOf(span.span_id),
  parentSpanId: hexOf(span.parent_span_id),
  traceState: span.trace_state,
  startMs: Number(span.start_time_unix_nano) / 1e6,
  endMs: Number(span.end_time_unix_nano) / 1e6,
  attributes: attributesOf(span.attributes),
  links: span.links.map((link) => ({ traceId: hexOf(link.trace_id), spanId: hexOf(link.span_id) })),
  failed: span.status?.code === FAILED,
})

const hexOf = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')

const attributesOf = (pairs: readonly KeyValue[]): Attributes =>
  Object.fromEntries(
    pairs.map(({ key, value = {} }) => {
      const [held] = Object.entries(value)
      if (!held) return [key, '']
      return [key, held[0] === 'int_value' ? Number(held[1]) : held[1]]
    }),
  )
