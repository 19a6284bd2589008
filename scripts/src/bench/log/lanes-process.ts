// The lanes of a processor, of all shards, in a process of its own: from the beginning of a full log to its end.

import { setTimeout as pause } from 'node:timers/promises'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { openDeadLetters } from '@votestream/infra/dead-letters'
import { createHalts } from '@votestream/infra/halts'
import { createMetrics } from '@votestream/infra/health-server'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { createArchive } from '@votestream/processor/archive'
import { createPartPublisher, publishPart } from '@votestream/processor/part-publisher'
import { runTallyLane } from '@votestream/processor/tally'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { checkpointKey } from '@votestream/schema/redis-keys'
import { usageOf } from '../process-usage.js'
import { followOrders } from '../worker.js'

interface Server {
  readonly url: string
  readonly pid: number
}

export interface LanesOrder {
  /** Its sink is empty. */
  readonly role: 'tally' | 'archive'
  readonly nats: Server
  /** Redis or ClickHouse. */
  readonly sink: Server
  /** By shard: the sequence of the last message. */
  readonly ends: readonly number[]
  /** Of one insert of the archive at most; without it, as the processor has it. */
  readonly rowsMax?: number | undefined
}

/** From the first read until the sink has everything. Seconds of processor time. */
export interface LanesAnswer {
  readonly seconds: number
  readonly ownCpuSeconds: number
  readonly sinkCpuSeconds: number
  readonly natsCpuSeconds: number
}

/** The lanes at work until the end of each log; opened before time is counted. */
interface Lanes {
  run(): Promise<void>
  close(): Promise<void>
}

const LOOK_EVERY_MS = 5
const BOARD_TICK_MS = 50
const REDIS_WAIT_MS = 5_000
const logger = createLogger('bench', 'silent')

const openTally = async (nats: Nats, { sink, ends }: LanesOrder): Promise<Lanes> => {
  const redis = connectRedis({ url: sink.url, name: 'bench', logger })
  await redisReady(redis, REDIS_WAIT_MS)
  const publisher = createPartPublisher({ publish: publishPart(nats), tickMs: BOARD_TICK_MS })
  const ended = new AbortController()
  const { signal } = ended
  const untilReached = async (shard: Shard): Promise<void> => {
    const isThere = async () =>
      Number(await redis.hget(checkpointKey(shard), 'sequence')) >= (ends[shard] ?? 0)
    while (!signal.aborted && !(await isThere())) await pause(LOOK_EVERY_MS)
  }
  return {
    async run() {
      const shards = allShards(ends.length)
      const common = { ...(await surroundings(nats)), nats, redis, shards: shards.length, publisher, signal }
      const lanes = Promise.all(shards.map((shard) => runTallyLane({ ...common, shard })))
      try {
        // A lane that fails is not waited for.
        await Promise.race([Promise.all(shards.map(untilReached)), lanes])
      } finally {
        ended.abort()
      }
      await lanes
    },
    async close() {
      publisher.stop()
      redis.disconnect()
    },
  }
}

const openArchive = async (nats: Nats, { sink, ends, rowsMax }: LanesOrder): Promise<Lanes> => {
  const clickhouse = connectClickhouse({ url: sink.url, user: 'default', password: '' })
  const { signal } = new AbortController()
  return {
    async run() {
      const shards = allShards(ends.length)
      const common = { ...(await surroundings(nats)), nats, clickhouse, shards: shards.length }
      const archive = createArchive({ ...common, ...(rowsMax === undefined ? {} : { rowsMax }) })
      const runLane = (shard: Shard) => archive.runLane({ shard, signal, untilSequence: ends[shard] ?? 0 })
      await Promise.all(shards.map(runLane))
    },
    close: () => clickhouse.close(),
  }
}

const surroundings = async (nats: Nats) => ({
  logger,
  deadLetters: await openDeadLetters(nats, 1),
  halts: createHalts(createMetrics()),
})

const follow = async (order: LanesOrder): Promise<LanesAnswer> => {
  const nats = await connectNats({ url: order.nats.url, name: 'bench', logger })
  const lanes = await (order.role === 'tally' ? openTally : openArchive)(nats, order)
  const now = () => ({
    atMs: performance.now(),
    own: usageOf([process.pid]).cpuSeconds,
    sink: usageOf([order.sink.pid]).cpuSeconds,
    nats: usageOf([order.nats.pid]).cpuSeconds,
  })
  try {
    const from = now()
    await lanes.run()
    const to = now()
    return {
      seconds: (to.atMs - from.atMs) / 1_000,
      ownCpuSeconds: to.own - from.own,
      sinkCpuSeconds: to.sink - from.sink,
      natsCpuSeconds: to.nats - from.nats,
    }
  } finally {
    await lanes.close()
    await nats.close()
  }
}

followOrders(follow)
