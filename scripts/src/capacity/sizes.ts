import { SHARDS_MAX } from '@votestream/schema/numbers'
import type { Demand } from './demand.js'
import type { Figures } from './figures.js'

/** What follows from a demand and the figures, as numbers alone; `lines.ts` says how. */
export interface Sizes {
  /** Cores that are busy all the time. */
  readonly busy: {
    readonly gatewayVotes: number
    readonly gatewayViewers: number
    readonly ingest: number
    readonly tally: number
    readonly archive: number
    readonly redis: number
    readonly nats: number
    readonly clickhouse: number
  }
  /** Bits a second. */
  readonly bits: {
    readonly votesIn: number
    readonly boardsOut: number
    /** From the broker that wrote first to the others. */
    readonly replication: number
    /** Of all brokers together, in the direction that has more of them. */
    readonly brokersOut: number
  }
  readonly voteGateways: number
  readonly viewerGateways: number
  /** More than SHARDS_MAX where one shard takes too little. */
  readonly shards: number
  readonly redisMasters: number
  readonly nodes: {
    readonly voteGateways: number
    readonly viewerGateways: number
    readonly ingest: number
    readonly processor: number
    readonly nats: number
    readonly redis: number
    readonly clickhouse: number
  }
}

const SECOND_MICROS = 1e6
const BYTE_BITS = 8
const GIGA = 1e9
/** So that one may die: other nodes take its leases. */
export const NODES_MIN = 2

/**
 * A quotient of binary fractions may stand a hair above the whole number that it is: 0.35 / 0.05 would be 8.
 */
export const wholeUp = (value: number): number => Math.ceil(value * (1 - 1e-12))

/** A board of more contestants is longer in proportion; one of fewer counts as the one that was measured. */
export const boardScale = ({ contestants }: Demand, figures: Figures): number =>
  Math.max(1, contestants / figures.contestants.value)

/** Votes a second that one shard takes with one core for each of its lanes, by what gives way. */
export const shardRates = (figures: Figures) => ({
  writer: SECOND_MICROS / figures.ingestVote.value,
  stream: figures.streamRate.value,
  tally: SECOND_MICROS / figures.tallyVote.value,
  redis: SECOND_MICROS / figures.redisVote.value,
  archive: SECOND_MICROS / figures.archiveRow.value,
})

export const sizesOf = (demand: Demand, figures: Figures): Sizes => {
  const { rate, headroom, redisCopies, coresPerNode } = demand
  const busy = busyCores(demand, figures)
  const bits = bitsASecond(demand, figures)
  const onCores = (cores: number): number => wholeUp(cores / headroom)
  const shards = Math.max(1, wholeUp(rate / (headroom * Math.min(...Object.values(shardRates(figures))))))
  const redisMasters = Math.max(1, onCores(busy.redis))
  const voteGateways = onCores(busy.gatewayVotes)
  const viewerGateways = onCores(busy.gatewayViewers)
  const nodesFor = (cores: number): number => wholeUp(cores / coresPerNode)
  return {
    busy,
    bits,
    voteGateways,
    viewerGateways,
    shards,
    redisMasters,
    nodes: {
      voteGateways: Math.max(nodesFor(voteGateways), nodesForBits(bits.votesIn, demand)),
      viewerGateways: Math.max(nodesFor(viewerGateways), nodesForBits(bits.boardsOut, demand)),
      ingest: Math.max(NODES_MIN, nodesFor(onCores(busy.ingest))),
      processor: Math.max(NODES_MIN, nodesFor(onCores(busy.tally) + onCores(busy.archive))),
      nats: natsNodes(demand, figures, busy.nats, bits.brokersOut),
      redis: Math.max(redisCopies, nodesFor(redisMasters * redisCopies)),
      clickhouse: Math.max(demand.replicas, nodesFor(onCores(busy.clickhouse))),
    },
  }
}

const busyCores = (demand: Demand, figures: Figures): Sizes['busy'] => {
  const { rate, viewers, boards, replicas } = demand
  const cores = (times: number, micros: number): number => (times * micros) / SECOND_MICROS
  const { gatewayVote, ingestVote, tallyVote, archiveRow, redisVote } = figures
  const messages = cores(viewers * boards, figures.message.value * boardScale(demand, figures))
  return {
    gatewayVotes: cores(rate, gatewayVote.value),
    gatewayViewers: messages + cores(viewers, figures.idleSocket.value),
    ingest: cores(rate, ingestVote.value),
    tally: cores(rate, tallyVote.value),
    archive: cores(rate, archiveRow.value),
    redis: cores(rate, redisVote.value),
    nats: cores(rate, figures.natsVote.value + (replicas - 1) * figures.copyVote.value),
    clickhouse: cores(rate, replicas * figures.clickhouseRow.value),
  }
}

/** Copies of a vote that leave brokers besides those for the other brokers: to ingest, to tally and to archive. */
export const WAYS_OUT = 3

const bitsASecond = (demand: Demand, figures: Figures): Sizes['bits'] => {
  const { rate, viewers, boards, replicas } = demand
  const logged = rate * figures.logBytes.value * BYTE_BITS
  return {
    votesIn: rate * figures.requestBytes.value * BYTE_BITS,
    boardsOut: viewers * boards * figures.messageBytes.value * boardScale(demand, figures) * BYTE_BITS,
    replication: logged * (replicas - 1),
    brokersOut: logged * (WAYS_OUT + replicas - 1),
  }
}

export const nicBits = ({ nicGbits }: Demand): number => nicGbits * GIGA

const nodesForBits = (bits: number, demand: Demand): number =>
  wholeUp(bits / (demand.headroom * nicBits(demand)))

const natsNodes = (demand: Demand, figures: Figures, busy: number, bits: number): number => {
  const { rate, headroom, replicas, coresPerNode } = demand
  const forCores = wholeUp(busy / headroom / coresPerNode)
  const forDisks = wholeUp((rate * replicas) / (headroom * figures.brokerRate.value))
  return Math.max(replicas, forCores, forDisks, nodesForBits(bits, demand))
}

export const shardsThatThereCanBe = ({ shards }: Sizes): number => Math.min(shards, SHARDS_MAX)
