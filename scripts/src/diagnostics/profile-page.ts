import { flameGraph, placeOf } from '../report/flame-graph.js'
import { reportPage } from '../report/page.js'
import type { ReadProfile } from './pprof-tree.js'

const ROWS_MAX = 25

/** One page with a flame graph, and the functions that cost most by themselves. */
export const profilePage = (
  title: string,
  about: string,
  { tree, unit, total, own }: ReadProfile,
): Promise<string> =>
  reportPage({
    title,
    about: `${about}; all together ${amount(total, unit)}.`,
    tables: [
      {
        title: 'By themselves',
        rows: [
          ['function', 'where', unit === 'bytes' ? 'bytes' : 'time', 'of all'],
          ...own
            .slice(0, ROWS_MAX)
            .map(({ name, file, line, value }) => [
              name,
              placeOf({ functionName: name, url: file, lineNumber: line - 1 }),
              amount(value, unit),
              `${((100 * value) / total).toFixed(1)} %`,
            ]),
        ],
      },
    ],
    pictures: [{ title: 'With what they called', svg: flameGraph(tree) }],
  })

const amount = (value: number, unit: string): string => {
  if (unit === 'bytes') return `${(value / 1024 / 1024).toFixed(2)} MiB`
  return unit === 'nanoseconds' ? `${(value / 1e6).toFixed(0)} ms` : `${value} ${unit}`
}
