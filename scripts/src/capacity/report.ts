import { table } from '../bench/table.js'
import type { BenchResults } from './bench-files.js'
import type { Capacity } from './capacity.js'
import type { Demand } from './demand.js'
import type { Figure } from './figures.js'
import { GROUPS, type Limit, type Line } from './line.js'
import { amount, digits, multiple } from './number-format.js'

/** What is printed: the same for a terminal and for a page. */
interface Section {
  readonly title: string
  readonly rows: readonly (readonly string[])[]
}

interface Reported {
  readonly demand: Demand
  readonly results: BenchResults
  readonly capacity: Capacity
}

export const textReport = (reported: Reported): string =>
  reportOf(reported, ({ title, rows }) => `${title}\n\n${leftTable(rows)}`)

export const markdownReport = (reported: Reported): string =>
  reportOf(reported, ({ title, rows: [head = [], ...rows] }) => {
    const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
    return [`**${title}**\n`, row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
  })

/** Texts: every column stands to the left, so that what is long comes last. */
const leftTable = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return table(
    rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0))),
    0,
  )
    .split('\n')
    .map((text) => text.trimEnd())
    .join('\n')
}

const reportOf = (reported: Reported, show: (section: Section) => string): string => {
  const { demand, capacity } = reported
  const groups = GROUPS.map((group) => ({
    title: group,
    rows: [
      ['what', 'it takes', 'formula', 'rests on'],
      ...capacity.lines.filter((line) => line.group === group).map(lineRow),
    ],
  }))
  return [
    asked(demand),
    ...groups.map(show),
    show(limitSection(demand, capacity.limits)),
    firstSentences(demand, capacity.limits),
    capacity.doubts.map((doubt) => `- ${doubt}`).join('\n'),
    show(figureSection(reported.results)),
    measuredSentences(reported.results),
    assumptions(demand),
  ]
    .filter((text) => text !== '')
    .join('\n\n')
}

const asked = ({ rate, viewers, voters, boards, contestants, headroom, replicas }: Demand): string =>
  `${digits(rate)} votes/s, ${digits(viewers)} viewers with ${boards} boards/s of ${contestants} contestants, ` +
  `${digits(voters)} voters (${amount(voters / rate, 's')} of votes); nothing busier than ${100 * headroom} %, ` +
  `${replicas} copies.`

const lineRow = ({ name, value, unit, formula, restsOn }: Line): string[] => [
  name,
  value === null ? 'not measured' : amount(value, unit),
  formula,
  value === null ? 'npm run bench -- memory' : namesOf(restsOn),
]

const namesOf = (figures: readonly Figure[]): string =>
  figures.map(({ name, value, unit }) => `${name} ${amount(value, unit)}`).join(', ')

const limitSection = (demand: Demand, limits: readonly Limit[]): Section => ({
  title: 'What gives way, the first one first',
  rows: [
    ['what', '× asked', 'at', 'formula', 'helps', 'rests on'],
    ...limits.map((limit) => [
      limit.component,
      multiple(limit.multiple),
      at(demand, limit),
      limit.formula,
      limit.relief,
      namesOf(limit.restsOn),
    ]),
  ],
})

const at = ({ rate, viewers, voters }: Demand, { of, multiple: times }: Limit): string => {
  const asked = { votes: rate, viewers, voters }
  return `${digits(Math.floor(asked[of] * times))} ${of === 'votes' ? 'votes/s' : of}`
}

const firstSentences = (demand: Demand, limits: readonly Limit[]): string => {
  const said = (what: string, limit: Limit | undefined): string[] =>
    limit
      ? [
          `- ${what}: ${limit.component}, at ${multiple(limit.multiple)} times what is asked (${at(demand, limit)}).`,
        ]
      : []
  const ofVotes = limits.filter(({ of }) => of === 'votes')
  return [
    ...said('What breaks first', limits[0]),
    ...said('Of what carries votes', ofVotes[0]),
    ...said(
      'Of what carries votes, where no further node helps',
      ofVotes.find(({ grows }) => !grows),
    ),
  ].join('\n')
}

const figureSection = ({ figures: { memory, ...others } }: BenchResults): Section => ({
  title: 'Measured figures',
  rows: [
    ['figure', 'value', 'bench', 'date', 'row'],
    ...[...Object.values(others), ...Object.values(memory ?? {})].map((figure: Figure) => [
      figure.name,
      amount(figure.value, figure.unit),
      figure.part,
      figure.at,
      figure.row,
    ]),
  ],
})

const measuredSentences = ({ measurements }: BenchResults): string => {
  const machines = [...new Set(measurements.map(({ machine }) => machine))]
  if (machines.length === 1) return `Measured on ${machines[0]}, which clients, brokers and services shared.`
  const each = machines.map((machine) => {
    const parts = measurements.filter((one) => one.machine === machine).map(({ part }) => part)
    return `${machine} (${parts.join(', ')})`
  })
  return `Measured on machines that differ: ${each.join('; ')}.`
}

const assumptions = ({ nicGbits, coresPerNode, memoryGib, redisCopies, ticks }: Demand): string =>
  [
    'Assumed, not measured:',
    `- a node has ${coresPerNode} cores, each as fast as those measured, ${memoryGib} GiB for one server, and ${nicGbits} Gbit/s in each direction`,
    '- every voter votes once, and numbers of voters are dense; only the bytes of one event are counted',
    '- a further copy of the log costs its broker as much as the first one; a vote is as long on each of its ways as in the log',
    '- a copy of the archive costs its ClickHouse as much as the first one; a read-only Redis as much as its master',
    '- a board of more contestants than were measured costs and weighs more in proportion (board scale; otherwise 1)',
    `- ${redisCopies} copies of Redis; ${ticks} parts of a board a second from each shard, as BOARD_TICK_MS has it`,
    '- not counted: ways between brokers of a cluster, TCP and TLS, balancers, registrations and logins, reads over HTTP',
  ].join('\n')
