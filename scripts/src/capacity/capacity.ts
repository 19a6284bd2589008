import { SHARDS_MAX } from '@votestream/schema/numbers'
import type { Demand } from './demand.js'
import type { Figures } from './figures.js'
import { limitsOf } from './limits.js'
import type { Limit, Line } from './line.js'
import { linesOf } from './lines.js'
import { type Sizes, shardsThatThereCanBe, sizesOf } from './sizes.js'

export interface Capacity {
  readonly lines: readonly Line[]
  /** The first one to be reached first. */
  readonly limits: readonly Limit[]
  /** Sentences: where what is asked lies outside of what was measured. */
  readonly doubts: readonly string[]
}

/** What a demand takes, by figures that were measured, and what gives way first. Pure arithmetic. */
export const capacityOf = (demand: Demand, figures: Figures): Capacity => {
  const sizes = sizesOf(demand, figures)
  return {
    lines: linesOf(demand, figures, sizes),
    limits: limitsOf(demand, figures, sizes),
    doubts: doubtsOf(demand, figures, sizes),
  }
}

const doubtsOf = (demand: Demand, figures: Figures, sizes: Sizes): string[] => {
  const { voteGateways, shards } = sizes
  const doubts: string[] = []
  if (shards > SHARDS_MAX) {
    doubts.push(`${shards} shards are needed, and there can be ${SHARDS_MAX}: this rate is out of reach.`)
  }
  const pairRate = demand.rate / (voteGateways * shardsThatThereCanBe(sizes))
  if (pairRate < figures.pairRate.value) {
    const measured = figures.pairRate.value.toFixed(0)
    doubts.push(
      `From each gateway to each shard go ${pairRate.toFixed(0)} votes a second, and ${measured} where it was measured: ` +
        'batches between them are smaller than those that were measured, and gateway, ingest and NATS take more a vote.',
    )
  }
  const { liveProcessor, liveRedis, liveClickhouse, tallyVote, archiveRow, redisVote, clickhouseRow } =
    figures
  const micros = (value: number): string => value.toFixed(1)
  if (liveProcessor.value > tallyVote.value + archiveRow.value || liveRedis.value > redisVote.value) {
    doubts.push(
      `Where votes came as they were cast, the processor took ${micros(liveProcessor.value)} µs for one, Redis ` +
        `${micros(liveRedis.value)} and ClickHouse ${micros(liveClickhouse.value)}; where a full log was read in large ` +
        `batches, as is reckoned with here, ${micros(tallyVote.value + archiveRow.value)}, ${micros(redisVote.value)} ` +
        `and ${micros(clickhouseRow.value)}. Batches grow with the rate; how far at this one was not measured.`,
    )
  }
  return doubts
}
