import { definePart } from '../part.js'
import { measureScale, type ScaleFigures } from './scale.js'
import { nameOf, shapesOf } from './shapes.js'

export const scalePart = definePart({
  name: 'scale',
  about:
    'votes a second over REST and what one costs, with more gateways, more ingests and processors, and more shards: one ' +
    'thing is changed at a time, beside one gateway, one ingest and one processor with two shards',
  options: {
    gateways: { default: [1, 2], hint: 'LIST', about: 'processes behind one port' },
    owners: { default: [1, 2], hint: 'LIST', about: 'ingests, and as many processors' },
    shards: { default: [1, 2, 4, 16], hint: 'LIST', about: 'of the log' },
    connections: { default: 256, hint: 'N', about: 'that vote, each when it was answered' },
    rounds: { default: 3, hint: 'N', about: 'of each, one system after the other; the medians count' },
    seconds: { default: 4, hint: 'N', about: 'how long each is measured' },
    'warm-up': { default: 5, hint: 'N', about: 'seconds of votes for each before' },
  },
  async measure({ gateways, owners, shards, 'warm-up': warmUpSeconds, ...rest }, say) {
    const shapes = shapesOf({ gateways, owners, shards })
    const figures = await measureScale({ ...rest, shapes, warmUpSeconds, say })
    return {
      figures,
      tables: [
        { title: 'What grows', rows: scaleRows(figures) },
        { title: 'Processor time for a vote, by process', rows: processRows(figures) },
      ],
      charts: [
        {
          title: 'Votes a second',
          unit: 'votes/s',
          x: figures.map(({ shape }) => nameOf(shape)),
          series: [{ name: 'votes', values: figures.map(({ perSecond }) => perSecond) }],
        },
      ],
      isGood: figures.every(({ inexact, faults }) => inexact === 0 && faults === 0),
    }
  },
})

/** The base comes first. */
const scaleRows = (figures: readonly ScaleFigures[]): string[][] => [
  ['system', 'votes/s', '× base', 'CPU a vote', '× base', 'p99', 'acknowledged', 'counted', 'faults'],
  ...figures.map(({ shape, perSecond, cpuMicroseconds, p99Ms, acknowledged, counted, faults }) => [
    nameOf(shape),
    perSecond.toFixed(0),
    (perSecond / (figures[0]?.perSecond ?? Number.NaN)).toFixed(2),
    `${cpuMicroseconds.toFixed(1)} µs`,
    (cpuMicroseconds / (figures[0]?.cpuMicroseconds ?? Number.NaN)).toFixed(2),
    `${p99Ms.toFixed(1)} ms`,
    String(acknowledged),
    String(counted),
    String(faults),
  ]),
]

const processRows = (figures: readonly ScaleFigures[]): string[][] => {
  const kinds = [...new Set(figures.flatMap(({ byProcess }) => Object.keys(byProcess)))]
  return [
    ['system', ...kinds],
    ...figures.map(({ shape, byProcess }) => [
      nameOf(shape),
      ...kinds.map((kind) => `${(byProcess[kind] ?? 0).toFixed(1)} µs`),
    ]),
  ]
}
