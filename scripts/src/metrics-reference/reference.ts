import { describeMetrics as describeGateway } from '@votestream/gateway/metrics'
import { createMetrics } from '@votestream/infra/health-server'
import { describeMetrics as describeIngest } from '@votestream/ingest/metrics'
import { describeMetrics as describeProcessor } from '@votestream/processor/metrics'
import { createProbeMetrics } from '../synthetic/metrics.js'
import { labelRule } from './label-values.js'

/** In the repository. */
export const REFERENCE_FILE = 'infra/prometheus/METRICS.md'

export const SERVICES = ['gateway', 'ingest', 'processor'] as const
export type Service = (typeof SERVICES)[number]
/** And `npm run synthetic`, which runs beside them. */
const TELLERS = [...SERVICES, 'synthetic'] as const
type Teller = (typeof TELLERS)[number]

export interface DescribedMetric {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labels: readonly string[]
  readonly services: readonly Teller[]
}

/** What a registry holds of a metric, though the library's declarations do not say so. */
interface Registered {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/** What is told only where traces are exported. */
export const isOfTraces = (name: string): boolean => /^votestream_(spans|client_traces)_/.test(name)

/** Every metric of every service, by name. */
export const describedMetrics = (): DescribedMetric[] => {
  const synthetic = createMetrics()
  createProbeMetrics(synthetic)
  const registries = {
    gateway: describeGateway(),
    ingest: describeIngest(),
    processor: describeProcessor(),
    synthetic,
  }
  const found = new Map<string, DescribedMetric>()
  for (const service of TELLERS) {
    for (const metric of registries[service].getMetricsAsArray()) {
      const { name, type, help, labelNames } = metric as unknown as Registered
      const services = [...(found.get(name)?.services ?? []), service]
      found.set(name, { name, type, help, labels: labelNames, services })
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

export const metricsReference = (): string => {
  const metrics = describedMetrics()
  const ours = metrics.filter(({ name }) => name.startsWith('votestream_'))
  const others = metrics.filter(({ name }) => !name.startsWith('votestream_'))
  return `# Metrics

Written by \`npm run metrics-reference\` from what the services register; a test holds it against them.

Each service tells its own at \`/metrics\` on its private port, in Prometheus's text, or in OpenMetrics for who asks for that
(\`Accept: application/openmetrics-text\`), as Prometheus does. Exemplars are in OpenMetrics alone: the label \`trace_id\` is the
trace of one of the observations in a bucket. There the bounds of buckets are written as \`1.0\`, and as \`1\` in the other text.

Spans and the traces of clients are counted where traces are exported (OTEL_EXPORTER_OTLP_ENDPOINT). Every label is bounded. The workers of a gateway are one page: sums of all, what a worker that has died counted included.

${table(ours)}

## Of the process itself

The delay of the event loop, collections of garbage, the heap, files and processor time, by prom-client. Percentiles of the delay
are of the time since somebody asked last.

${table(others)}
`
}

const HEAD = ['name', 'type', 'labels', 'what it is', 'told by']

const table = (metrics: readonly DescribedMetric[]): string => {
  const rows = metrics.map(({ name, type, labels, help, services }) => [
    `\`${name}\``,
    type,
    labelsText(name, labels),
    cell(help),
    services.join(', '),
  ])
  const widths = HEAD.map((_, column) => Math.max(...[HEAD, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

const labelsText = (metric: string, labels: readonly string[]): string =>
  labels.map((label) => `\`${label}\`: ${cell(labelRule(metric, label).told)}`).join('<br>')

const cell = (text: string): string => text.replaceAll('|', '\\|')
