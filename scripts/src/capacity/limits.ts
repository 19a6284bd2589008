import type { Demand } from './demand.js'
import type { Figure, Figures } from './figures.js'
import type { Limit } from './line.js'
import { nicBits, type Sizes, shardRates, shardsThatThereCanBe, wholeUp } from './sizes.js'

/** What gives way in a system of these sizes, the first one first. One that nothing is asked of has no limit. */
export const limitsOf = (demand: Demand, figures: Figures, sizes: Sizes): Limit[] =>
  [
    ...shardLimits(demand, figures, sizes),
    ...nodeLimits(demand, figures, sizes),
    ...nicLimits(demand, figures, sizes),
    ...accountLimits(demand, figures),
  ]
    .filter(({ multiple }) => Number.isFinite(multiple))
    .sort((a, b) => a.multiple - b.multiple)

/** Of the shards together. Their number is fixed when the streams are made: no node relieves them. */
const shardLimits = ({ rate }: Demand, figures: Figures, sizes: Sizes): Limit[] => {
  const shards = shardsThatThereCanBe(sizes)
  const rates = shardRates(figures)
  const limit = (component: string, each: number, formula: string, figure: Figure): Limit => ({
    component,
    multiple: (shards * each) / rate,
    of: 'votes',
    formula: `${formula} ÷ rate`,
    grows: false,
    relief: 'none: the number of shards is fixed at the first start',
    restsOn: [figure],
  })
  const ofCore = (what: string): string => `shards × 1 core ÷ ${what}`
  return [
    limit("a shard's one writer, on one core", rates.writer, ofCore('ingest a vote'), figures.ingestVote),
    limit(
      "a shard's one ordered stream, each vote on disk",
      rates.stream,
      'shards × one stream',
      figures.streamRate,
    ),
    limit("a shard's tally, on one core", rates.tally, ofCore('tally a vote'), figures.tallyVote),
    limit("a shard's slot in Redis, one thread", rates.redis, ofCore('Redis a vote'), figures.redisVote),
    limit("a shard's archive, on one core", rates.archive, ofCore('archive a row'), figures.archiveRow),
  ]
}

const nodeLimits = (demand: Demand, figures: Figures, sizes: Sizes): Limit[] => {
  const { rate, coresPerNode, replicas, headroom } = demand
  const { busy, nodes, voteGateways, viewerGateways, redisMasters } = sizes
  const limit = (
    component: string,
    cores: number,
    used: number,
    restsOn: Figure[],
    of: Limit['of'] = 'votes',
  ): Limit => ({
    component,
    multiple: cores / used,
    of,
    formula: 'cores there are ÷ cores that are busy',
    grows: true,
    relief: 'more of them',
    restsOn,
  })
  const given = (used: number): number => Math.max(1, wholeUp(used / headroom))
  return [
    limit('gateways, votes', voteGateways, busy.gatewayVotes, [figures.gatewayVote]),
    limit(
      'gateways, viewers',
      viewerGateways,
      busy.gatewayViewers,
      [figures.message, figures.idleSocket],
      'viewers',
    ),
    limit('ingest', given(busy.ingest), busy.ingest, [figures.ingestVote]),
    limit('processor, tally', given(busy.tally), busy.tally, [figures.tallyVote]),
    limit('processor, archive', given(busy.archive), busy.archive, [figures.archiveRow]),
    limit('Redis, one thread each', redisMasters, busy.redis, [figures.redisVote]),
    limit('NATS, cores', nodes.nats * coresPerNode, busy.nats, [figures.natsVote, figures.copyVote]),
    limit('ClickHouse, cores', nodes.clickhouse * coresPerNode, busy.clickhouse, [figures.clickhouseRow]),
    {
      component: 'NATS, disks',
      multiple: (nodes.nats * figures.brokerRate.value) / (rate * replicas),
      of: 'votes',
      formula: 'NATS nodes × one broker ÷ (rate × replicas)',
      grows: true,
      relief: 'more of them',
      restsOn: [figures.brokerRate],
    },
  ]
}

const nicLimits = (demand: Demand, figures: Figures, { nodes, bits }: Sizes): Limit[] => {
  const limit = (
    of: Limit['of'],
    component: string,
    count: number,
    used: number,
    restsOn: Figure[],
  ): Limit => ({
    component,
    multiple: (count * nicBits(demand)) / used,
    of,
    formula: 'nodes × nic ÷ bits that they carry',
    grows: true,
    relief: 'more of them',
    restsOn,
  })
  return [
    limit('votes', 'network of the gateways for votes', nodes.voteGateways, bits.votesIn, [
      figures.requestBytes,
    ]),
    limit('viewers', 'network of the gateways for viewers', nodes.viewerGateways, bits.boardsOut, [
      figures.messageBytes,
    ]),
    limit('votes', 'network of NATS', nodes.nats, bits.brokersOut, [figures.logBytes]),
  ]
}

const GIB = 1024 ** 3

/** All accounts are keys of the same two buckets, and whoever holds a copy of a bucket holds the whole index of it. */
const accountLimits = ({ memoryGib, voters }: Demand, { memory }: Figures): Limit[] =>
  memory === undefined
    ? []
    : [
        {
          component: "NATS's index of accounts, in each copy",
          multiple: (memoryGib * GIB) / (voters * memory.accountIndex.value),
          of: 'voters',
          formula: 'memory-gib ÷ (voters × an account)',
          grows: false,
          relief: 'larger nodes: a bucket is not split',
          restsOn: [memory.accountIndex],
        },
      ]
