import type { Chart } from '../../report/chart.js'
import { definePart } from '../part.js'
import { type CommitFigures, measureCommit } from './commit.js'

export const commitPart = definePart({
  name: 'commit',
  about: 'votes that are on disk a second, and what they cost, by the size of a batch',
  options: {
    batches: { default: [1, 10, 50, 200, 1_000], hint: 'LIST', about: 'votes in a batch at most' },
    shards: { default: [1, 2, 4], hint: 'LIST', about: 'how many, one run for each' },
    waiting: { default: 3_000, hint: 'N', about: 'voters in each shard who wait for their answer at once' },
    seconds: { default: 1, hint: 'N', about: 'how long each is measured' },
    rounds: { default: 3, hint: 'N', about: 'of each; the medians count' },
  },
  async measure({ batches, shards, waiting, seconds, rounds }, say) {
    const figures = await measureCommit({ batches, shards, waitingVoters: waiting, seconds, rounds, say })
    const most = Math.max(...shards)
    return {
      figures,
      tables: [{ title: 'Votes on disk', rows: commitRows(figures) }],
      charts: [
        speedChart(figures, true),
        speedChart(figures, false),
        costChart(figures.filter((figure) => figure.fsync && figure.shards === most)),
      ],
      isGood: figures.every(({ faults }) => faults === 0),
    }
  },
})

/** With fsync and without stand beside each other. */
const commitRows = (figures: readonly CommitFigures[]): string[][] => [
  [
    'votes in a message',
    'shards',
    'fsync',
    'votes/s',
    '× one by one',
    'CPU a vote',
    'ours',
    'nats',
    'bytes in the log',
    'faults',
  ],
  ...figures.map((figure) => {
    const { fsync, shards, batchVotes, votesPerSecond, ownMicroseconds, natsMicroseconds } = figure
    const first = figures.find(
      (other) => other.fsync === fsync && other.shards === shards && other.batchVotes === 'one-by-one',
    )
    return [
      wordOf(batchVotes),
      String(shards),
      fsync ? 'on' : 'off',
      votesPerSecond.toFixed(0),
      (votesPerSecond / (first?.votesPerSecond ?? Number.NaN)).toFixed(1),
      `${(ownMicroseconds + natsMicroseconds).toFixed(1)} µs`,
      `${ownMicroseconds.toFixed(1)} µs`,
      `${natsMicroseconds.toFixed(1)} µs`,
      figure.logBytes.toFixed(0),
      String(figure.faults),
    ]
  }),
]

const wordOf = (batchVotes: CommitFigures['batchVotes']): string =>
  batchVotes === 'one-by-one' ? 'one by one' : `group commit, ${batchVotes}`

const speedChart = (all: readonly CommitFigures[], fsync: boolean): Chart => {
  const figures = all.filter((figure) => figure.fsync === fsync)
  const sizes = [...new Set(figures.map(({ batchVotes }) => batchVotes))]
  const counts = [...new Set(figures.map(({ shards }) => shards))]
  return {
    title: fsync ? 'Votes on disk' : 'Votes in the cache of the system, without fsync',
    unit: 'votes/s',
    x: sizes.map(wordOf),
    series: counts.map((count) => ({
      name: `${count} shards`,
      values: sizes.map(
        (size) =>
          figures.find(({ batchVotes, shards }) => batchVotes === size && shards === count)?.votesPerSecond ??
          null,
      ),
    })),
  }
}

/** @param figures of one number of shards */
const costChart = (figures: readonly CommitFigures[]): Chart => ({
  title: `Processor time for a vote on disk, ${figures[0]?.shards} shards`,
  unit: 'µs',
  x: figures.map(({ batchVotes }) => wordOf(batchVotes)),
  series: [
    { name: 'ours', values: figures.map(({ ownMicroseconds }) => ownMicroseconds) },
    { name: 'nats-server', values: figures.map(({ natsMicroseconds }) => natsMicroseconds) },
  ],
})
