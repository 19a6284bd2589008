// Writes to the log for a while, in a process of its own, so that its processor time is that of the writing.

import { setTimeout as pause } from 'node:timers/promises'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { allShards } from '@votestream/schema/numbers'
import { usageOf } from '../process-usage.js'
import { followOrders } from '../worker.js'
import { commitInGroups, publishOneByOne } from './writers.js'

export interface CommitOrder {
  readonly natsUrl: string
  readonly natsPid: number
  readonly shards: number
  /** 'one-by-one': a message for each vote. */
  readonly batchVotes: number | 'one-by-one'
  /** In each shard. */
  readonly waitingVoters: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

export interface CommitAnswer {
  readonly votesPerSecond: number
  /** Of this process, for a vote. */
  readonly ownMicroseconds: number
  /** Of nats-server, for a vote. */
  readonly natsMicroseconds: number
  /** Votes that were called stored, by shard, with those before and after the measurement. */
  readonly counted: readonly number[]
}

const logger = createLogger('bench', 'silent')

const write = async (order: CommitOrder): Promise<CommitAnswer> => {
  const { natsUrl, natsPid, shards, batchVotes, waitingVoters, warmUpSeconds, seconds } = order
  const nats = await connectNats({ url: natsUrl, name: 'bench', logger })
  try {
    const writers = allShards(shards).map((shard) =>
      batchVotes === 'one-by-one'
        ? publishOneByOne({ nats, shard, shards, waitingVoters, batchVotes: 1 })
        : commitInGroups({ nats, shard, shards, waitingVoters, batchVotes }),
    )
    const now = () => ({
      atMs: performance.now(),
      stored: writers.reduce((sum, { stored }) => sum + stored, 0),
      own: usageOf([process.pid]).cpuSeconds,
      nats: usageOf([natsPid]).cpuSeconds,
    })
    await pause(warmUpSeconds * 1_000)
    const from = now()
    await pause(seconds * 1_000)
    const to = now()
    await Promise.all(writers.map((writer) => writer.end()))
    const votes = to.stored - from.stored
    return {
      votesPerSecond: (votes * 1_000) / (to.atMs - from.atMs),
      ownMicroseconds: ((to.own - from.own) * 1e6) / votes,
      natsMicroseconds: ((to.nats - from.nats) * 1e6) / votes,
      counted: writers.map(({ stored }) => stored),
    }
  } finally {
    await nats.close()
  }
}

followOrders(write)
