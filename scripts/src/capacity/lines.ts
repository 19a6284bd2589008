import type { Demand } from './demand.js'
import type { Figure, Figures } from './figures.js'
import type { Group, Line } from './line.js'
import { type Sizes, shardsThatThereCanBe, wholeUp } from './sizes.js'

/** Everything that it takes, each with how it was worked out and what that rests on. */
export const linesOf = (demand: Demand, figures: Figures, sizes: Sizes): Line[] => [
  ...coreLines(demand, figures, sizes),
  ...nodeLines(demand, figures, sizes),
  ...memoryLines(demand, figures, sizes),
  ...diskLines(demand, figures),
  ...networkLines(demand, figures, sizes),
]

const lineOf =
  (group: Group, unit: Line['unit']) =>
  (name: string, value: number | null, formula: string, ...restsOn: Figure[]): Line => ({
    group,
    name,
    value,
    unit,
    formula,
    restsOn,
  })

const coreLines = ({ headroom }: Demand, figures: Figures, sizes: Sizes): Line[] => {
  const { busy, voteGateways, viewerGateways, redisMasters } = sizes
  const line = lineOf('Cores', 'cores')
  const given = (used: number): number => wholeUp(used / headroom)
  const ofRate = (what: string): string => `rate × ${what} ÷ headroom`
  const { gatewayVote, ingestVote, tallyVote, archiveRow, redisVote, natsVote, copyVote, clickhouseRow } =
    figures
  return [
    line('gateways, votes', voteGateways, ofRate('gateway a vote'), gatewayVote),
    line(
      'gateways, viewers',
      viewerGateways,
      'viewers × (boards × a message × board scale + an idle socket) ÷ headroom',
      figures.message,
      figures.idleSocket,
      figures.contestants,
    ),
    line('ingest', given(busy.ingest), ofRate('ingest a vote'), ingestVote),
    line('processor, tally', given(busy.tally), ofRate('tally a vote'), tallyVote),
    line('processor, archive', given(busy.archive), ofRate('archive a row'), archiveRow),
    line('Redis, that are written to', redisMasters, ofRate('Redis a vote'), redisVote),
    line(
      'NATS',
      given(busy.nats),
      ofRate('(NATS a vote + (replicas − 1) × NATS a copy)'),
      natsVote,
      copyVote,
    ),
    line('ClickHouse', given(busy.clickhouse), ofRate('replicas × ClickHouse a row'), clickhouseRow),
  ]
}

const nodeLines = (demand: Demand, figures: Figures, sizes: Sizes): Line[] => {
  const { nodes, shards, redisMasters } = sizes
  const line = lineOf('Nodes', 'nodes')
  const { ingestVote, streamRate, tallyVote, redisVote, archiveRow } = figures
  const rates = [ingestVote, streamRate, tallyVote, redisVote, archiveRow]
  const cores = 'cores ÷ cores-per-node'
  return [
    lineOf('Nodes', 'shards')(
      'shards',
      shards,
      'rate ÷ (headroom × the least of: a core ÷ ingest, tally, Redis or archive a vote; one stream)',
      ...rates,
    ),
    line('gateways for votes', nodes.voteGateways, `the more of: ${cores}; votes in ÷ (headroom × nic)`),
    line(
      'gateways for viewers',
      nodes.viewerGateways,
      `the more of: ${cores}; boards out ÷ (headroom × nic)`,
    ),
    line('ingest', nodes.ingest, `the more of: 2, so that one may die; ${cores}`),
    line('processor', nodes.processor, `the more of: 2, so that one may die; ${cores}`),
    line(
      'NATS',
      nodes.nats,
      `the most of: replicas; ${cores}; rate × replicas ÷ (headroom × one broker); out of the brokers ÷ (headroom × nic)`,
      figures.brokerRate,
    ),
    lineOf('Nodes', 'processes')(
      'Redis processes',
      redisMasters * demand.redisCopies,
      'cores × redis-copies, one thread each',
    ),
    line('Redis', nodes.redis, 'the more of: redis-copies; processes ÷ cores-per-node'),
    line('ClickHouse', nodes.clickhouse, `the more of: replicas; ${cores}`),
  ]
}

const KILO = 1024
const MEGA = 1024 * 1024

const memoryLines = (demand: Demand, figures: Figures, sizes: Sizes): Line[] => {
  const { viewers, voters, redisCopies, replicas } = demand
  const { socketKilobytes, emptyMegabytes, redisBytes, memory } = figures
  const line = lineOf('Memory', 'bytes')
  const gateways = sizes.voteGateways + sizes.viewerGateways
  const each = (figure: Figure | undefined, copies: number): number | null =>
    figure === undefined ? null : voters * copies * figure.value
  const ifMeasured = (figure: Figure | undefined): Figure[] => (figure === undefined ? [] : [figure])
  return [
    line('gateways, sockets', viewers * socketKilobytes.value * KILO, 'viewers × a socket', socketKilobytes),
    line(
      'gateways, their processes',
      gateways * emptyMegabytes.value * MEGA,
      'cores of gateways × an empty process',
      emptyMegabytes,
    ),
    line(
      'ingest, voted sets',
      each(memory?.votedSet, 1),
      'voters × a voter',
      ...ifMeasured(memory?.votedSet),
    ),
    line(
      'Redis',
      voters * redisBytes.value * redisCopies,
      'voters × Redis a voter × redis-copies',
      redisBytes,
    ),
    line(
      'NATS, index of accounts',
      each(memory?.accountIndex, replicas),
      'voters × an account × replicas',
      ...ifMeasured(memory?.accountIndex),
    ),
  ]
}

const diskLines = ({ voters, replicas }: Demand, figures: Figures): Line[] => {
  const { logBytes, rowBytes, memory } = figures
  const line = lineOf('Disk', 'bytes')
  const accounts = memory?.accountDisk
  return [
    line(
      'NATS, the log',
      voters * logBytes.value * replicas,
      'voters × a vote in the log × replicas',
      logBytes,
    ),
    line('ClickHouse', voters * rowBytes.value * replicas, 'voters × a row × replicas', rowBytes),
    line(
      'NATS, accounts',
      accounts === undefined ? null : voters * accounts.value * replicas,
      'voters × an account on disk × replicas',
      ...(accounts === undefined ? [] : [accounts]),
    ),
  ]
}

const networkLines = ({ ticks }: Demand, figures: Figures, sizes: Sizes): Line[] => {
  const { bits, viewerGateways } = sizes
  const { requestBytes, messageBytes, logBytes, contestants } = figures
  const line = lineOf('Network', 'bit/s')
  return [
    line('votes in', bits.votesIn, 'rate × a request × 8', requestBytes),
    line(
      'boards out',
      bits.boardsOut,
      'viewers × boards × a message × board scale × 8',
      messageBytes,
      contestants,
    ),
    line('log, to its copies', bits.replication, 'rate × a vote in the log × (replicas − 1) × 8', logBytes),
    line(
      'out of the brokers',
      bits.brokersOut,
      'rate × a vote in the log × (to ingest, tally, archive: 3; replicas − 1) × 8',
      logBytes,
    ),
    lineOf('Network', 'messages/s')(
      'parts of boards to gateways',
      shardsThatThereCanBe(sizes) * ticks * viewerGateways,
      'shards × ticks × cores of gateways for viewers; what one costs NATS is not measured',
    ),
  ]
}
