import { type Chart, drawChart } from './chart.js'
import { escapeText } from './escape-text.js'

export interface Report {
  readonly title: string
  /** When, where and with what. */
  readonly about: string
  readonly tables: readonly ReportTable[]
  readonly charts?: readonly Chart[]
  /** Drawn already, as SVG. */
  readonly pictures?: readonly { readonly title: string; readonly svg: string }[]
}

export interface ReportTable {
  readonly title: string
  /** The first row holds the heads, the first column texts. */
  readonly rows: readonly (readonly string[])[]
}

/** One HTML file that needs nothing else, neither scripts nor a network. */
export const reportPage = async ({
  title,
  about,
  tables,
  charts = [],
  pictures = [],
}: Report): Promise<string> => {
  const drawn = await Promise.all(charts.map(drawChart))
  const sections = [
    ...charts.map((chart, index) => `<h2>${escapeText(chart.title)}</h2>\n${drawn[index]}`),
    ...tables.map(({ title: name, rows }) => `<h2>${escapeText(name)}</h2>\n${tableOf(rows)}`),
    ...pictures.map(({ title: name, svg }) => `<h2>${escapeText(name)}</h2>\n${svg}`),
  ]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeText(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
svg { max-width: 100%; height: auto; }
</style>
<h1>${escapeText(title)}</h1>
<p>${escapeText(about)}</p>
${sections.join('\n')}
</html>
`
}

const tableOf = ([head = [], ...rows]: readonly (readonly string[])[]): string => {
  const row = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`
  return `<table>\n${[row(head, 'th'), ...rows.map((cells) => row(cells, 'td'))].join('\n')}\n</table>`
}
