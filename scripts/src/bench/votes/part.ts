import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Chart } from '../../report/chart.js'
import { type CpuProfile, flameGraph } from '../../report/flame-graph.js'
import { definePart } from '../part.js'
import { measureVotes, type VotesFigures } from './votes.js'

export const votesPart = definePart({
  name: 'votes',
  about: 'votes a second and what one costs, beside bare servers that only echo, and stock GraphQL servers',
  options: {
    connections: { default: [16, 64, 256, 512], hint: 'LIST', about: 'how many, one run for each' },
    rounds: { default: 3, hint: 'N', about: 'of each, one server after the other; the medians count' },
    seconds: { default: 4, hint: 'N', about: 'how long each is measured' },
    'warm-up': { default: 8, hint: 'N', about: 'seconds of votes for each before' },
    only: { default: '', hint: 'LIST', about: 'names of servers, and no others' },
    traces: {
      default: '',
      hint: 'SHARE',
      about: 'beside a Votestream that traces this share of the votes, from 0 to 1',
    },
    profile: { default: false, about: "draws what Votestream's services do with their processor time" },
  },
  async measure({ only, profile, traces: share, 'warm-up': warmUpSeconds, ...rest }, say) {
    const traces = share === '' ? undefined : Number(share)
    const names = only === '' ? [] : only.split(',')
    const profileFolder = profile ? await mkdtemp(join(tmpdir(), 'votestream-profiles-')) : undefined
    const measured = await measureVotes({ ...rest, warmUpSeconds, only: names, profileFolder, traces, say })
    const { figures, shards, acknowledged, counted } = measured
    say(`Votestream acknowledged ${acknowledged} votes and counted ${counted}`)
    return {
      figures: { figures, shards, acknowledged, counted },
      tables: [
        { title: 'Votes', rows: votesRows(figures) },
        { title: 'Processor time for a vote, by process', rows: processRows(figures) },
      ],
      charts: [
        chart(figures, 'Votes a second', 'votes/s', ({ perSecond }) => perSecond),
        chart(figures, 'Processor time for a vote', 'µs', ({ cpuMicroseconds }) => cpuMicroseconds),
      ],
      pictures: profileFolder ? await flameGraphs(profileFolder) : [],
      isGood: acknowledged === counted && figures.every(({ faults }) => faults === 0),
    }
  },
})

/** Of each service, from its start to its end. */
const flameGraphs = async (folder: string): Promise<{ title: string; svg: string }[]> => {
  const graphs: { title: string; svg: string }[] = []
  for (const file of (await readdir(folder)).sort()) {
    const profile: CpuProfile = JSON.parse(await readFile(join(folder, file), 'utf8'))
    graphs.push({ title: basename(file, '.cpuprofile'), svg: flameGraph(profile) })
  }
  await rm(folder, { recursive: true })
  return graphs
}

/** The echo with as many connections is what everything is compared with. */
const echoOf = (figures: readonly VotesFigures[], { connections }: VotesFigures): VotesFigures | undefined =>
  figures.find((other) => other.contender === 'bare node:http' && other.connections === connections)

const votesRows = (figures: readonly VotesFigures[]): string[][] => [
  ['server', 'connections', 'votes/s', '× echo', 'CPU a vote', '× echo', 'p50', 'p99', 'faults'],
  ...figures.map((figure) => {
    const { contender, connections, perSecond, cpuMicroseconds, p50Ms, p99Ms, faults } = figure
    const echo = echoOf(figures, figure)
    return [
      contender,
      String(connections),
      perSecond.toFixed(0),
      (perSecond / (echo?.perSecond ?? Number.NaN)).toFixed(2),
      `${cpuMicroseconds.toFixed(1)} µs`,
      (cpuMicroseconds / (echo?.cpuMicroseconds ?? Number.NaN)).toFixed(2),
      `${p50Ms.toFixed(1)} ms`,
      `${p99Ms.toFixed(1)} ms`,
      String(faults),
    ]
  }),
]

const processRows = (figures: readonly VotesFigures[]): string[][] => {
  const kinds = [...new Set(figures.flatMap(({ byProcess }) => Object.keys(byProcess)))]
  return [
    ['server', 'connections', ...kinds],
    ...figures.map(({ contender, connections, byProcess }) => [
      contender,
      String(connections),
      ...kinds.map((kind) => (byProcess[kind] === undefined ? '' : `${byProcess[kind].toFixed(1)} µs`)),
    ]),
  ]
}

const chart = (
  figures: readonly VotesFigures[],
  title: string,
  unit: string,
  value: (figure: VotesFigures) => number,
): Chart => {
  const counts = [...new Set(figures.map(({ connections }) => connections))]
  const names = [...new Set(figures.map(({ contender }) => contender))]
  return {
    title,
    unit,
    x: counts.map((count) => `${count} connections`),
    series: names.map((name) => ({
      name,
      values: counts.map((count) => {
        const found = figures.find(
          ({ contender, connections }) => contender === name && connections === count,
        )
        return found ? value(found) : null
      }),
    })),
  }
}
