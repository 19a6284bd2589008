import { randomUUID } from 'node:crypto'
import { createMetrics, startHealthServer } from '@votestream/infra/health-server'
import { holdLeases, type Leases } from '@votestream/infra/leases'
import { configure, runService } from '@votestream/infra/lifecycle'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { connectRedis, redisReady, refuseEviction } from '@votestream/infra/redis'
import { ensureVoteStreams, openLeasesBucket } from '@votestream/infra/streams'
import { readProcessorEnvironment } from './environment.js'
import { createPartPublisher, publishPart } from './publish/part-publisher.js'
import { runTallyLane } from './tally/tally-lane.js'

/** How long a start waits for Redis. */
const REDIS_WAIT_MS = 30_000

const environment = configure(() => readProcessorEnvironment(process.env))
const logger = createLogger('processor', environment.LOG_LEVEL)
const instance = `processor-${randomUUID()}`

await runService(logger, async ({ onStop }) => {
  const { SHARDS: shards, NATS_REPLICAS: replicas } = environment
  const lanes: Leases[] = []
  const nats = await connectNats({ url: environment.NATS_URL, name: instance, logger })
  onStop('NATS', nats.close)
  const redis = connectRedis({ url: environment.REDIS_URL, name: instance, logger })
  onStop('Redis', () => redis.disconnect())
  const health = await startHealthServer({
    port: environment.PROCESSOR_METRICS_PORT,
    registry: createMetrics(),
    missing: () => [
      ...(nats.connected() ? [] : ['NATS']),
      ...(redis.status === 'ready' ? [] : ['Redis']),
      ...(lanes.length === 2 ? [] : ['leases']),
    ],
  })
  onStop('health server', health.stop)

  await ensureVoteStreams(nats, { shards, replicas })
  const bucket = await openLeasesBucket(nats, replicas)
  await redisReady(redis, REDIS_WAIT_MS)
  await refuseEviction(redis)
  const publisher = createPartPublisher({ publish: publishPart(nats), tickMs: environment.BOARD_TICK_MS })
  onStop('publisher', publisher.stop)
  const tally = await holdLeases({
    bucket,
    role: 'tally',
    instance,
    shards,
    logger,
    work: (shard, signal) =>
      runTallyLane({ nats, redis, shard, shards, logger, publisher, now: Date.now, signal }),
  })
  onStop('tally', tally.stop)
  lanes.push(tally)
})
