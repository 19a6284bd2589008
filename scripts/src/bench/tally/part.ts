import { definePart } from '../part.js'
import { measureTally, type TallyFigures } from './tally.js'

export const tallyPart = definePart({
  name: 'tally',
  about: 'votes that one processor applies to Redis, what they cost, and what Redis holds for each',
  options: {
    votes: { default: 1_000_000, hint: 'N', about: 'in the log, of as many voters' },
    batch: { default: 200, hint: 'N', about: 'votes in a message' },
    shards: { default: 2, hint: 'N', about: 'of the log' },
    rounds: { default: 3, hint: 'N', about: 'the same log each time; the medians count' },
    scattered: { default: 100, hint: 'N', about: 'voters among 300 million, besides' },
  },
  async measure({ batch, ...rest }, say) {
    const figures = await measureTally({ ...rest, batchVotes: batch, say })
    return {
      figures,
      tables: [{ title: 'From the log to Redis', rows: tallyRows(figures, rest.scattered) }],
      charts: [
        {
          title: 'Votes applied, round by round',
          unit: 'votes/s',
          x: figures.roundsVotesPerSecond.map((_, index) => `round ${index + 1}`),
          series: [{ name: 'one processor', values: figures.roundsVotesPerSecond }],
        },
        {
          title: 'Processor time for a vote',
          unit: 'µs',
          x: ['processor', 'Redis', 'nats-server'],
          series: [{ name: 'CPU', values: costs(figures) }],
        },
      ],
      isGood: figures.faults === 0,
    }
  },
})

const costs = (figures: TallyFigures): number[] => [
  figures.processorMicroseconds,
  figures.redisMicroseconds,
  figures.natsMicroseconds,
]

const tallyRows = (figures: TallyFigures, scattered: number): string[][] => {
  const [processor = 0, redis = 0, nats = 0] = costs(figures)
  const micros = (count: number): string => `${count.toFixed(2)} µs`
  return [
    ['one processor', ''],
    ['votes a second', figures.votesPerSecond.toFixed(0)],
    ['CPU a vote', micros(processor + redis + nats)],
    ['of it the processor', micros(processor)],
    ['of it Redis', micros(redis)],
    ['of it nats-server', micros(nats)],
    [`Redis holds a vote, ${figures.votes} dense voters`, `${figures.denseBytes.toFixed(3)} bytes`],
    [
      `Redis holds a vote, ${scattered} voters among 300 million`,
      `${figures.scatteredBytes.toFixed(0)} bytes`,
    ],
    ['faults', String(figures.faults)],
  ]
}
