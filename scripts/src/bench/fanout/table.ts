import type { FanoutFigures } from './fanout.js'

const HEAD = [
  'viewers',
  'server',
  'CPU a message',
  '× bare ws',
  'delivered',
  'p50',
  'p99',
  'KB a socket',
  'faults',
]

/** Columns of equal width; the first contender of each number of viewers is what the others are compared with. */
export const fanoutTable = (figures: readonly FanoutFigures[]): string => {
  const rows = figures.map((figure) => {
    const bare = figures.find(({ viewers }) => viewers === figure.viewers)
    return [
      String(figure.viewers),
      figure.contender,
      `${figure.cpuMicroseconds.toFixed(1)} µs`,
      (figure.cpuMicroseconds / (bare?.cpuMicroseconds ?? Number.NaN)).toFixed(2),
      `${(100 * figure.delivered).toFixed(0)} %`,
      `${figure.p50Ms.toFixed(0)} ms`,
      `${figure.p99Ms.toFixed(0)} ms`,
      figure.kilobytesPerSocket.toFixed(1),
      String(figure.faults),
    ]
  })
  const all = [HEAD, ...rows]
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) =>
        column === 1 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join('  ')
  return all.map(line).join('\n')
}
