import type { Chart } from '../../report/chart.js'
import type { LatencyFigures, LoadFigures, Quantiles, StageName } from './latency.js'

type Counts = Pick<LoadFigures, 'intended' | 'acknowledged' | 'counted' | 'unseen' | 'backwards'>

interface Level {
  readonly percentile: 'p95Ms' | 'p99Ms'
  readonly boundMs: number
}

/** Service levels. Fan-out is judged by the viewer who is sent a board last. */
export const LEVELS: Readonly<Partial<Record<StageName, readonly Level[]>>> = {
  ingest: [{ percentile: 'p99Ms', boundMs: 50 }],
  processing: [{ percentile: 'p99Ms', boundMs: 200 }],
  'fan-out, last viewer': [{ percentile: 'p99Ms', boundMs: 200 }],
  'end to end': [
    { percentile: 'p95Ms', boundMs: 500 },
    { percentile: 'p99Ms', boundMs: 1_000 },
  ],
}

/** How many times as long the level allows: 1 and more is met. The least, where there is more than one level. */
export const toSpare = (stage: StageName, quantiles: Quantiles): number =>
  Math.min(...(LEVELS[stage] ?? []).map(({ percentile, boundMs }) => boundMs / quantiles[percentile]))

/** Every vote acknowledged, counted, and seen, and no board older than the one before. */
export const isExact = ({ intended, acknowledged, counted, unseen, backwards }: Counts): boolean =>
  intended === acknowledged && acknowledged === counted && unseen === 0 && backwards === 0

export const stageRows = ({ loads }: LatencyFigures): string[][] => [
  ['stage', 'load', 'p50', 'p95', 'p99', 'p99.9', 'level', 'to spare', 'counted'],
  ...loads.flatMap(({ percent, stages }) =>
    (Object.keys(stages) as StageName[]).map((stage) => {
      const quantiles = stages[stage]
      const { p50Ms, p95Ms, p99Ms, p999Ms, count } = quantiles
      const levels = LEVELS[stage] ?? []
      const factor = toSpare(stage, quantiles)
      return [
        stage,
        `${percent} %`,
        ...[p50Ms, p95Ms, p99Ms, p999Ms].map(milliseconds),
        levels.map(({ percentile, boundMs }) => `${percentile.slice(0, 3)} ${boundMs} ms`).join(', '),
        levels.length === 0 || Number.isNaN(factor)
          ? ''
          : `× ${factor.toFixed(1)}${factor < 1 ? ' MISSED' : ''}`,
        String(count),
      ]
    }),
  ),
]

export const serviceRows = ({ loads }: LatencyFigures): string[][] => [
  ['process', 'load', 'of a core', 'GC, in a second', 'of that major', 'event loop late, p99'],
  ...loads.flatMap(({ percent, services: { groups, machineBusy } }) => [
    ...groups.map((group) => [
      group.name,
      `${percent} %`,
      percentage(group.cpuShare),
      milliseconds(group.gcMillisecondsPerSecond),
      milliseconds(group.gcMajorMillisecondsPerSecond),
      milliseconds(group.loopDelayP99Ms),
    ]),
    ['the whole machine', `${percent} %`, `${percentage(machineBusy)} of all`, '', '', ''],
  ]),
]

export const loadRows = ({ loads }: LatencyFigures): string[][] => [
  [
    'load',
    'votes/s',
    'asked for',
    'acknowledged',
    'counted',
    'unseen',
    'older boards',
    'does not count because',
  ],
  ...loads.map((load) => [
    `${load.percent} %`,
    String(load.perSecond),
    String(load.intended),
    String(load.acknowledged),
    String(load.counted),
    String(load.unseen),
    String(load.backwards),
    load.generatorFaults.join('; '),
  ]),
]

const CHARTED: readonly StageName[] = ['ingest', 'processing', 'fan-out, last viewer', 'end to end']

export const stageCharts = ({ loads }: LatencyFigures): Chart[] => [
  {
    title: 'Latency at p99',
    unit: 'ms',
    x: loads.map(({ percent }) => `${percent} %`),
    series: CHARTED.map((stage) => ({
      name: stage,
      values: loads.map(({ stages }) => {
        const { p99Ms } = stages[stage]
        return Number.isFinite(p99Ms) ? p99Ms : null
      }),
    })),
  },
]

const milliseconds = (ms: number): string => (Number.isNaN(ms) ? '' : `${ms.toFixed(1)} ms`)
const percentage = (share: number): string => `${(100 * share).toFixed(0)} %`
