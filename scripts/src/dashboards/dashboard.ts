/** What a dashboard says, without the many fields that Grafana wants around it (`grafana-json.ts` adds those). */
export interface Dashboard {
  /** Stands in the addresses of its pages: never changed. */
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly rows: readonly Row[]
}

/** A choice above the panels; its values are those of a label that Prometheus knows. */
export interface Variable {
  readonly name: string
  readonly label: string
  /** For example `label_values(votestream_books_votes, event)`. */
  readonly query: string
  /** All, or several at once; otherwise one. */
  readonly many: boolean
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export interface Panel {
  readonly title: string
  /** What is to be seen, and what is good. */
  readonly description: string
  readonly kind: 'timeseries' | 'stat' | 'bargauge' | 'heatmap' | 'table'
  readonly unit: Unit
  readonly queries: readonly Query[]
  /** From here on it is bad: a service level, or a bound. Undefined: nothing is bad in itself. */
  readonly badFrom?: number
  /** Below it is bad: an error budget, or something that has to be there. */
  readonly badBelow?: number
  /** Of 24 columns. */
  readonly width: number
  readonly decimals?: number
}

export interface Query {
  readonly expression: string
  /** What a line is called; labels in double braces. */
  readonly legend: string
}

/** As Grafana names them. */
export type Unit =
  | 's'
  | 'bytes'
  | 'short'
  | 'ops'
  | 'reqps'
  | 'percentunit'
  | 'none'
  | 'dateTimeAsIso'
  | 'bool_yes_no'

export const query = (legend: string, expression: string): Query => ({ legend, expression })

/** A percentile of a histogram, over what Grafana finds fit for the span that is shown. */
export const percentile = (percent: number, histogram: string, { where = '', by = '' } = {}): string => {
  const labels = by === '' ? 'le' : `le, ${by}`
  const selector = where === '' ? '' : `{${where}}`
  return `histogram_quantile(${percent / 100}, sum by (${labels}) (rate(${histogram}_bucket${selector}[$__rate_interval])))`
}

/** The three lines by which latencies are told. */
export const percentiles = (histogram: string, where = ''): Query[] =>
  [50, 95, 99].map((percent) => query(`p${percent}`, percentile(percent, histogram, { where })))

/** How much a counter grows in a second, by some of its labels. */
export const perSecond = (counter: string, { where = '', by = '' } = {}): string => {
  const selector = where === '' ? '' : `{${where}}`
  const grouping = by === '' ? '' : ` by (${by})`
  return `sum${grouping} (rate(${counter}${selector}[$__rate_interval]))`
}

/** The mean of what a histogram observed. */
export const mean = (histogram: string, { where = '', by = '' } = {}): string =>
  `${perSecond(`${histogram}_sum`, { where, by })} / ${perSecond(`${histogram}_count`, { where, by })}`

type PanelOf = Omit<Panel, 'kind'>

export const lines = (panel: PanelOf): Panel => ({ ...panel, kind: 'timeseries' })
export const figure = (panel: PanelOf): Panel => ({ ...panel, kind: 'stat' })
export const bars = (panel: PanelOf): Panel => ({ ...panel, kind: 'bargauge' })
export const table = (panel: PanelOf): Panel => ({ ...panel, kind: 'table' })

/** How a latency is distributed over time. */
export const spread = (panel: Omit<PanelOf, 'queries' | 'unit'>, histogram: string, where = ''): Panel => ({
  ...panel,
  kind: 'heatmap',
  unit: 's',
  queries: [
    query('{{le}}', `sum by (le) (increase(${histogram}_bucket${where && `{${where}}`}[$__rate_interval]))`),
  ],
})
