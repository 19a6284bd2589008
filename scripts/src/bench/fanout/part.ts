import { definePart } from '../part.js'
import { measureFanout } from './fanout.js'
import { fanoutRows } from './rows.js'

export const fanoutPart = definePart({
  name: 'fanout',
  about:
    'CPU, memory and latency of showing one board to many viewers, beside the least that it can cost and what others need',
  options: {
    viewers: { default: [1_000, 5_000, 10_000], hint: 'LIST', about: 'how many, one run for each' },
    rounds: { default: 3, hint: 'N', about: 'of each, one server after the other; the medians count' },
    seconds: { default: 5, hint: 'N', about: 'how long each is measured' },
    rate: { default: 5, hint: 'N', about: 'boards a second' },
    only: { default: '', hint: 'LIST', about: 'names of servers, and no others' },
    stopped: { default: 0, min: 0, hint: 'N', about: 'viewers besides these who do not read' },
    workers: { default: 1, hint: 'N', about: "processes of Votestream's gateway" },
    pin: {
      default: false,
      about: 'gives each process that has viewers a core of its own, with taskset',
    },
    votes: {
      default: 0,
      min: 0,
      hint: 'N',
      about: 'votes a second through the whole of Votestream, which then makes the boards',
    },
  },
  async measure({ only, rate, votes, ...rest }, say) {
    const figures = await measureFanout({
      ...rest,
      boardsPerSecond: rate,
      votesPerSecond: votes,
      only: only === '' ? [] : only.split(','),
      say,
    })
    const names = [...new Set(figures.map(({ contender }) => contender))]
    const counts = [...new Set(figures.map((figure) => figure.viewers))]
    return {
      figures,
      tables: [{ title: 'A board on many screens', rows: fanoutRows(figures) }],
      charts: [
        {
          title: 'Processor time for a message',
          unit: 'µs',
          x: counts.map((count) => `${count} viewers`),
          series: names.map((name) => ({
            name,
            values: counts.map(
              (count) =>
                figures.find(({ contender, viewers: of }) => contender === name && of === count)
                  ?.cpuMicroseconds ?? null,
            ),
          })),
        },
      ],
      isGood: figures.every(({ faults }) => faults === 0),
    }
  },
})
