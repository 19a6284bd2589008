/** A metric with its samples, as prom-client hands it out (`getMetricsAsJSON`). */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: string
  /** How the figures of several processes behind one port make one; missing: they are added up. */
  readonly aggregator?: string
  readonly values: readonly Sample[]
}

export interface Sample {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  /** Where it is not the family's: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string
  readonly exemplar?: Exemplar | null
}

/** One of the observations behind a figure, and the trace that it was made in. */
export interface Exemplar {
  readonly labelSet: Readonly<Record<string, string>>
  readonly value: number
  /** Seconds since 1970. */
  readonly timestamp: number
}

/** Whatever hands out metrics: a registry of prom-client, or several processes as one. */
export interface MetricSource {
  /** MetricFamily, whose type the library's own declarations take for a number. */
  getMetricsAsJSON(): Promise<readonly object[]>
}

export const familiesOf = async (source: MetricSource): Promise<readonly MetricFamily[]> =>
  (await source.getMetricsAsJSON()) as readonly MetricFamily[]

/** What only grows, and must not seem to shrink when the process that counted it is gone. */
export const lasting = (families: readonly MetricFamily[]): MetricFamily[] =>
  families.filter(({ type }) => type === 'counter' || type === 'histogram')

/** The figures of several processes as those of one. */
export const mergeFamilies = (pages: readonly (readonly MetricFamily[])[]): MetricFamily[] => {
  const byName = new Map<string, MetricFamily[]>()
  for (const family of pages.flat()) byName.set(family.name, [...(byName.get(family.name) ?? []), family])
  return [...byName.values()].flatMap((families) => {
    const [first] = families
    if (!first || first.aggregator === 'omit') return []
    return [{ ...first, values: mergeSamples(families, first.aggregator) }]
  })
}

const mergeSamples = (families: readonly MetricFamily[], aggregator: string | undefined): Sample[] => {
  const byKey = new Map<string, Sample[]>()
  for (const sample of families.flatMap(({ values }) => values)) {
    const key = JSON.stringify([sample.metricName, Object.entries(sample.labels).sort()])
    byKey.set(key, [...(byKey.get(key) ?? []), sample])
  }
  return [...byKey.values()].map((samples) => ({
    ...(samples[0] as Sample),
    // What is not finite is null once it came from another process.
    value: aggregated(
      samples.map(({ value }) => value ?? 0),
      aggregator,
    ),
    exemplar: latestOf(samples),
  }))
}

const aggregated = (values: readonly number[], aggregator = 'sum'): number => {
  const sum = values.reduce((total, value) => total + value, 0)
  switch (aggregator) {
    case 'first':
      return values[0] ?? 0
    case 'min':
      return Math.min(...values)
    case 'max':
      return Math.max(...values)
    case 'average':
      return sum / values.length
    default:
      return sum
  }
}

const latestOf = (samples: readonly Sample[]): Exemplar | null =>
  samples.reduce<Exemplar | null>((latest, { exemplar }) => {
    if (!exemplar) return latest
    return latest && latest.timestamp >= exemplar.timestamp ? latest : exemplar
  }, null)
