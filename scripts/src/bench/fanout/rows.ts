import type { FanoutFigures } from './fanout.js'

const HEAD = [
  'server',
  'viewers',
  'CPU a message',
  '× bare ws',
  'delivered',
  'p50',
  'p95',
  'p99',
  'KB a socket',
  'faults',
]

/** The first contender of each number of viewers is what the others are compared with. */
export const fanoutRows = (figures: readonly FanoutFigures[]): string[][] => [
  HEAD,
  ...figures.map((figure) => {
    const first = figures.find(({ viewers }) => viewers === figure.viewers)
    return [
      figure.contender,
      String(figure.viewers),
      `${figure.cpuMicroseconds.toFixed(1)} µs`,
      (figure.cpuMicroseconds / (first?.cpuMicroseconds ?? Number.NaN)).toFixed(2),
      `${(100 * figure.delivered).toFixed(0)} %`,
      `${figure.p50Ms.toFixed(0)} ms`,
      `${figure.p95Ms.toFixed(0)} ms`,
      `${figure.p99Ms.toFixed(0)} ms`,
      figure.kilobytesPerSocket.toFixed(1),
      String(figure.faults),
    ]
  }),
]
