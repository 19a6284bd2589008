import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import protobuf from 'protobufjs'

/** What is read of an export of metrics (opentelemetry-proto, metrics/v1); the rest is skipped by its number. */
const SCHEMA = `syntax = "proto3";
message ExportMetricsServiceRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeMetrics { repeated Metric metrics = 2; }
message Metric { string name = 1; string unit = 3; Sum sum = 7; Histogram histogram = 9; }
message Sum { repeated NumberDataPoint data_points = 1; }
message NumberDataPoint { double as_double = 4; repeated KeyValue attributes = 7; }
message Histogram { repeated HistogramDataPoint data_points = 1; }
message HistogramDataPoint {
  fixed64 count = 4; double sum = 5; repeated double explicit_bounds = 7; repeated KeyValue attributes = 9;
}
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { string string_value = 1; }`

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue: string }
}
export interface ExportedMetric {
  readonly service: string
  readonly name: string
  readonly unit: string
  readonly points: readonly {
    readonly attributes: Readonly<Record<string, string>>
    readonly count?: number
    readonly sum?: number
    readonly explicitBounds?: readonly number[]
    readonly asDouble?: number
  }[]
}
type Points = { readonly dataPoints: readonly (object & { readonly attributes: Attribute[] })[] }
interface Export {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: Attribute[] }
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string
        readonly unit: string
        readonly sum?: Points
        readonly histogram?: Points
      }[]
    }[]
  }[]
}

/** A collector that reads what it is sent over OTLP (HTTP, protobuf). */
export const startOtlpReceiver = async () => {
  const type = protobuf.parse(SCHEMA).root.lookupType('ExportMetricsServiceRequest')
  const exports: ExportedMetric[][] = []
  const server = createServer((request, response) => {
    const take = async (): Promise<void> => {
      const isZipped = request.headers['content-encoding'] === 'gzip'
      const bytes = await buffer(isZipped ? request.pipe(createGunzip()) : request)
      if (request.url !== '/v1/metrics' || request.headers['content-type'] !== 'application/x-protobuf') {
        response.writeHead(404).end()
        return
      }
      // Described by the schema above.
      const decoded = type.toObject(type.decode(bytes), { longs: Number, arrays: true }) as Export
      exports.push(metricsOf(decoded))
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    }
    take().catch(() => response.writeHead(400).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** As of the last export. */
    latest: () => exports.at(-1) ?? [],
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const textsOf = (attributes: readonly Attribute[]): Record<string, string> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]))

const metricsOf = ({ resourceMetrics }: Export): ExportedMetric[] =>
  resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ name, unit, sum, histogram }) => ({
        service: textsOf(resource.attributes)['service.name'] ?? '',
        name,
        unit,
        points:
          (histogram ?? sum)?.dataPoints.map((point) => ({
            ...point,
            attributes: textsOf(point.attributes),
          })) ?? [],
      })),
    ),
  )
