/** What one or more processes tell of themselves, by the name and labels that Prometheus knows it by; summed. */
export type Metrics = ReadonlyMap<string, number>

/** @param texts what `/metrics` of each process answered */
export const parseMetrics = (texts: readonly string[]): Metrics => {
  const sums = new Map<string, number>()
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const space = line.lastIndexOf(' ')
    if (space <= 0 || line.startsWith('#')) continue
    const key = line.slice(0, space)
    sums.set(key, (sums.get(key) ?? 0) + Number(line.slice(space + 1)))
  }
  return sums
}

/** Those of several kinds of processes. */
export const together = (parts: readonly Metrics[]): Metrics => {
  const sums = new Map<string, number>()
  for (const [key, value] of parts.flatMap((part) => [...part])) sums.set(key, (sums.get(key) ?? 0) + value)
  return sums
}

/** What was added between two looks at the same processes. */
export const growth = (from: Metrics, to: Metrics): Metrics =>
  new Map([...to].map(([key, value]) => [key, value - (from.get(key) ?? 0)]))

/** The sum of all series of a name. */
export const sumOf = (metrics: Metrics, name: string): number => {
  let sum = 0
  for (const [key, value] of metrics) if (key === name || key.startsWith(`${name}{`)) sum += value
  return sum
}

/** A histogram: what is at most a bound, and not at most the one before. */
export interface Distribution {
  readonly count: number
  /** Ascending; the last bound is infinite. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[]
}

/** @param label as it stands in the series, `viewer="last"`; of a histogram without labels, none */
export const distributionOf = (metrics: Metrics, name: string, label?: string): Distribution => {
  const upTo: { bound: number; count: number }[] = []
  for (const [key, value] of metrics) {
    if (!key.startsWith(`${name}_bucket{`) || (label !== undefined && !key.includes(label))) continue
    const le = /le="([^"]+)"/.exec(key)?.[1]
    upTo.push({ bound: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count: value })
  }
  upTo.sort((a, b) => a.bound - b.bound)
  const buckets = upTo.map(({ bound, count }, index) => ({
    bound,
    count: count - (upTo[index - 1]?.count ?? 0),
  }))
  return { count: upTo.at(-1)?.count ?? 0, buckets }
}

/**
 * As Prometheus estimates it: within a bucket values are taken to lie evenly.
 * @param percent from 0 to 100
 * @returns in the histogram's unit; NaN where there is nothing, infinite beyond the last bound
 */
export const percentileOf = ({ count, buckets }: Distribution, percent: number): number => {
  if (count === 0) return Number.NaN
  const wanted = (count * percent) / 100
  let below = 0
  let lower = 0
  for (const { bound, count: own } of buckets) {
    if (own > 0 && below + own >= wanted) {
      if (bound === Number.POSITIVE_INFINITY) return bound
      return lower + ((bound - lower) * (wanted - below)) / own
    }
    below += own
    lower = bound
  }
  return Number.POSITIVE_INFINITY
}
