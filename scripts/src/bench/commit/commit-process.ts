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
  /** At least; time is counted when everybody who waited at the beginning has been answered. */
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

/**
 * Messages of one vote that are on their way at once, to all shards together: enough that the broker always has one to
 * write. With more of them it only answers later, and in bursts that are longer than what is measured.
 */
const ONE_BY_ONE_MAX = 1_000
const FIRST_ANSWERS_MS = 20_000
const LOOK_EVERY_MS = 20
const logger = createLogger('bench', 'silent')

const write = async (order: CommitOrder): Promise<CommitAnswer> => {
  const { natsUrl, natsPid, shards, batchVotes, waitingVoters, warmUpSeconds, seconds } = order
  const nats = await connectNats({ url: natsUrl, name: 'bench', logger })
  try {
    const few = Math.ceil(Math.min(waitingVoters, ONE_BY_ONE_MAX / shards))
    const waiting = batchVotes === 'one-by-one' ? few : waitingVoters
    const writers = allShards(shards).map((shard) =>
      batchVotes === 'one-by-one'
        ? publishOneByOne({ nats, shard, shards, waitingVoters: waiting, batchVotes: 1 })
        : commitInGroups({ nats, shard, shards, waitingVoters: waiting, batchVotes }),
    )
    const storedByAll = (): number => writers.reduce((sum, { stored }) => sum + stored, 0)
    const now = () => ({
      atMs: performance.now(),
      stored: storedByAll(),
      own: usageOf([process.pid]).cpuSeconds,
      nats: usageOf([natsPid]).cpuSeconds,
    })
    await pause(warmUpSeconds * 1_000)
    // All came at once, and the first answers may be long in coming: afterwards they come as they will.
    const latestMs = performance.now() + FIRST_ANSWERS_MS
    while (storedByAll() < waiting * shards && performance.now() < latestMs) await pause(LOOK_EVERY_MS)
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
