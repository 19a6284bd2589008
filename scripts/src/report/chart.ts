import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

/** A picture of figures: values by group, or over something that is counted. */
export interface Chart {
  readonly title: string
  /** Of the values: `µs`, `votes/s`. */
  readonly unit: string
  /** Names stand beside each other as bars; numbers are a scale, with lines. */
  readonly x: readonly string[] | readonly number[]
  /** Of a scale of numbers. */
  readonly xLabel?: string
  /** One value for each x; null where there is none. */
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[]
}

/** The chart as SVG. */
export const drawChart = async (chart: Chart): Promise<string> => {
  const view = new View(parse(compile(specOf(chart)).spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}

const specOf = ({ unit, x, xLabel, series }: Chart): TopLevelSpec => {
  const values = series.flatMap(({ name, values: own }) =>
    own.map((value, index) => ({ x: x[index], name, value })).filter(({ value }) => value !== null),
  )
  const colour = { field: 'name', type: 'nominal', sort: null, title: null } as const
  const y = { field: 'value', type: 'quantitative', title: unit } as const
  const size = { width: 800, height: 260, data: { values } }
  if (typeof x[0] === 'number') {
    const along = { field: 'x', type: 'quantitative', title: xLabel ?? null } as const
    return { ...size, mark: { type: 'line', point: true }, encoding: { x: along, y, color: colour } }
  }
  const groups = { field: 'x', type: 'nominal', sort: null, title: null, axis: { labelAngle: 0 } } as const
  const within = { field: 'name', sort: null } as const
  return { ...size, mark: 'bar', encoding: { x: groups, xOffset: within, y, color: colour } }
}
