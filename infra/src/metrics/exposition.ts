import type { Exemplar, MetricFamily, Sample } from './families.js'

/**
 * The two texts that metrics are told in. prom-client writes one of them for each registry, and exemplars in the other alone;
 * here whoever asks chooses.
 */
export interface Format {
  readonly contentType: string
  readonly write: (families: readonly MetricFamily[]) => string
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
const PROMETHEUS: Format = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  write: (families) => families.map((family) => `${prometheusText(family)}\n`).join('\n'),
}

/** https://prometheus.io/docs/specs/om/open_metrics_spec/ */
const OPENMETRICS: Format = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  write: (families) => `${families.map((family) => `${openMetricsText(family)}\n`).join('')}# EOF\n`,
}

/**
 * OpenMetrics for who prefers it, as Prometheus does; anybody else gets Prometheus's own text.
 * @param accept as in the header
 */
export const formatFor = (accept: string | undefined): Format => {
  const wanted = (accept ?? '').split(',').map(readRange)
  const quality = (matches: (range: Range) => boolean): number =>
    Math.max(0, ...wanted.filter(matches).map(({ q }) => q))
  const open = quality(({ type, version }) => type === 'application/openmetrics-text' && version === '1.0.0')
  const plain = quality(({ type }) => type === 'text/plain')
  return open > 0 && open >= plain ? OPENMETRICS : PROMETHEUS
}

interface Range {
  readonly type: string
  readonly version: string
  readonly q: number
}

const readRange = (text: string): Range => {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const named = new Map(parameters.map((part) => part.split('=', 2) as [string, string | undefined]))
  const q = Number(named.get('q') ?? 1)
  return { type, version: named.get('version') ?? '1.0.0', q: Number.isFinite(q) ? q : 0 }
}

const prometheusText = ({ name, help, type, values }: MetricFamily): string =>
  [
    `# HELP ${name} ${escaped(help)}`,
    `# TYPE ${name} ${type}`,
    ...values.map(
      (sample) => `${sample.metricName ?? name}${labelsText(sample)} ${numberText(sample.value)}`,
    ),
  ].join('\n')

/** A counter's family is called without the `_total` that its samples end in. */
const openMetricsText = ({ name, help, type, values }: MetricFamily): string => {
  const isCounter = type === 'counter'
  const family = isCounter ? name.replace(/_total$/, '') : name
  const sampleName = isCounter ? `${family}_total` : name
  return [
    `# HELP ${family} ${quoted(help)}`,
    `# TYPE ${family} ${type}`,
    ...values.map((sample) => {
      const { metricName = sampleName, value, exemplar } = sample
      return `${metricName}${labelsText(sample, canonical)} ${numberText(value)}${exemplarText(exemplar)}`
    }),
  ].join('\n')
}

const labelsText = (
  { labels }: Pick<Sample, 'labels'>,
  valueText: (name: string, value: string | number) => string = (_name, value) => String(value),
): string => {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${quoted(valueText(name, value))}"`)
  return parts.length > 0 ? `{${parts.join(',')}}` : ''
}

/** The bounds of buckets are written as floating-point numbers, so that those of all writers are the same. */
const canonical = (name: string, value: string | number): string =>
  name === 'le' && Number.isInteger(Number(value)) ? `${value}.0` : String(value)

const exemplarText = (exemplar: Exemplar | null | undefined): string => {
  if (!exemplar) return ''
  const { labelSet, value, timestamp } = exemplar
  return ` # ${labelsText({ labels: labelSet })} ${numberText(value)} ${timestamp.toFixed(3)}`
}

const numberText = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const quoted = (text: string): string => escaped(text).replaceAll('"', '\\"')
