import type { Chart } from '../report/chart.js'
import type { Report, ReportTable } from '../report/page.js'
import { type Latencies, percentilesOf } from './latencies.js'
import { shownMs } from './progress.js'
import type { SecondFigures } from './seconds.js'
import { sentenceOf } from './verdict.js'
import type { VoteLoadOutcome } from './vote-load.js'

/** The tables and charts of a run. */
export const loadReport = (outcome: VoteLoadOutcome): Pick<Report, 'tables' | 'charts'> => ({
  tables: [verdictTable(outcome), percentilesTable(outcome), outcomesTable(outcome), generatorTable(outcome)],
  charts: chartsOf(outcome.load.seconds),
})

/** What a run found, in sentences. */
export const verdictLines = (outcome: VoteLoadOutcome): string[] => {
  const { levels, generatorFaults, countFault, counted, load } = outcome
  return [
    ...(generatorFaults.length > 0 ? ['The run does not count:'] : []),
    ...generatorFaults.map((fault) => `  ${fault}`),
    ...levels.map((level) => `${level.isMet ? 'met   ' : 'MISSED'} ${sentenceOf(level)}`),
    countFault ?? `${load.acknowledged} votes acknowledged, ${counted} counted.`,
  ]
}

/** For a program: figures, without tokens and without what each single request became. */
export const loadFigures = (outcome: VoteLoadOutcome): object => {
  const { load, seen, eventId, counted, countFault, levels, generatorFaults, status } = outcome
  return {
    status,
    eventId,
    pace: load.pace,
    intended: load.intended,
    sent: load.sent,
    sentInTime: load.sentInTime,
    acknowledged: load.acknowledged,
    counted,
    countFault,
    generatorFaults,
    levels,
    acknowledgedPerSecond: load.measured.acknowledged / load.measured.seconds,
    latencies: Object.fromEntries(namedLatencies(outcome).map(([name, each]) => [name, percentilesOf(each)])),
    outcomes: load.outcomes,
    generators: load.generators,
    viewers: seen && {
      boardsReceived: seen.boardsReceived,
      reconnects: seen.reconnects,
      backwards: seen.backwards,
      unseen: seen.unseen,
    },
    seconds: load.seconds,
  }
}

const namedLatencies = ({ load, seen }: VoteLoadOutcome): (readonly [string, Latencies])[] => [
  ['ingest', load.all.latency],
  ...load.series
    .filter(({ latency }) => latency.count > 0)
    .map(({ name, latency }) => [`ingest, ${name}`, latency] as const),
  ['ingest, from the actual send', load.all.service],
  ...(seen
    ? ([
        ['end to end', seen.endToEnd],
        ['acknowledged to seen', seen.afterAcknowledgement],
        ["fan-out, from the board's asOf", seen.boardAges],
      ] as const)
    : []),
  ["generator's own lateness", load.lateness],
  ['wait for the send', load.sending],
]

const verdictTable = (outcome: VoteLoadOutcome): ReportTable => ({
  title: 'Service levels',
  rows: [['', ''], ...verdictLines(outcome).map((line) => [line, ''])],
})

const percentilesTable = (outcome: VoteLoadOutcome): ReportTable => ({
  title: 'Latencies, from the intended time at the full rate',
  rows: [
    ['', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max', 'count'],
    ...namedLatencies(outcome).map(([name, latencies]) => {
      const { p50Ms, p90Ms, p95Ms, p99Ms, p999Ms, maxMs, count } = percentilesOf(latencies)
      return [name, ...[p50Ms, p90Ms, p95Ms, p99Ms, p999Ms, maxMs].map(shownMs), String(count)]
    }),
  ],
})

const outcomesTable = ({ load }: VoteLoadOutcome): ReportTable => ({
  title: 'Outcomes',
  rows: [
    ['interface', 'outcome', 'status and code', 'votes'],
    ...[...load.outcomes]
      .sort((a, b) => b.count - a.count)
      .map(({ series, is, code, count }) => [series, is, code, String(count)]),
  ],
})

const generatorTable = ({ load, seen }: VoteLoadOutcome): ReportTable => ({
  title: 'The generator',
  rows: [
    ['process', 'busy', 'event loop p99', 'CPU', 'reconnects'],
    ...load.generators.map(({ busy, loopDelayP99Ms, cpuSeconds, reconnects }, index) => [
      String(index + 1),
      `${(100 * busy).toFixed(1)} %`,
      shownMs(loopDelayP99Ms),
      `${cpuSeconds.toFixed(1)} s`,
      String(reconnects),
    ]),
    ...(seen ? [['viewers', '', '', '', String(seen.reconnects)]] : []),
  ],
})

const chartsOf = (seconds: readonly SecondFigures[]): Chart[] => {
  const x = seconds.map(({ second }) => second + 1)
  const xLabel = 'seconds'
  const orNull = (ms: number): number | null => (Number.isNaN(ms) ? null : ms)
  return [
    {
      title: 'Rate',
      unit: 'votes/s',
      x,
      xLabel,
      series: [
        { name: 'asked', values: seconds.map(({ asked }) => asked) },
        { name: 'sent', values: seconds.map(({ sent }) => sent) },
        { name: 'acknowledged', values: seconds.map(({ acknowledged }) => acknowledged) },
      ],
    },
    {
      title: 'Ingest, of the votes acknowledged in each second',
      unit: 'ms',
      x,
      xLabel,
      series: [
        { name: 'p50', values: seconds.map(({ p50Ms }) => orNull(p50Ms)) },
        { name: 'p95', values: seconds.map(({ p95Ms }) => orNull(p95Ms)) },
        { name: 'p99', values: seconds.map(({ p99Ms }) => orNull(p99Ms)) },
      ],
    },
  ]
}
