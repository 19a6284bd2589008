import { randomUUID } from 'node:crypto'
import { brokerTimeMs, followBrokerClock } from '@votestream/infra/broker-clock'
import { watchCatalog } from '@votestream/infra/catalog'
import { openDiagnostics } from '@votestream/infra/diagnostics/open-diagnostics'
import { natsAddress, redisAddress } from '@votestream/infra/environment'
import { createHalts } from '@votestream/infra/halts'
import { createMetrics, startHealthServer } from '@votestream/infra/health-server'
import { holdLeases, type Leases } from '@votestream/infra/leases'
import { configure, runService } from '@votestream/infra/lifecycle'
import { createServiceLogger } from '@votestream/infra/logging'
import { createLeaseMetrics } from '@votestream/infra/metrics/leases'
import { watchQueues } from '@votestream/infra/metrics/queues'
import { watchStores } from '@votestream/infra/metrics/store-health'
import { connectNats } from '@votestream/infra/nats'
import { watchRefusals } from '@votestream/infra/nats-refusals'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { ensureVoteStreams, openEventsBucket, openLeasesBucket } from '@votestream/infra/streams'
import { startTelemetry } from '@votestream/infra/telemetry/telemetry'
import { allShards, type EventNumber } from '@votestream/schema/numbers'
import { readIngestEnvironment } from './environment.js'
import { createHalting } from './halting.js'
import { createIngestMetrics } from './ingest-metrics.js'
import { createReadAhead } from './read-ahead.js'
import { runShardLane } from './shard-lane.js'
import { takeOver } from './takeover.js'

/** How long a start waits for Redis before it goes on without. */
const REDIS_WAIT_MS = 2_000
/** A Redis that hangs is not waited for longer: the log, too, tells all that a takeover must know. */
const REDIS_ANSWER_MS = 1_000

const environment = configure(() => readIngestEnvironment(process.env))
const logger = createServiceLogger('ingest', environment)
const instance = environment.INSTANCE_NAME ?? `ingest-${randomUUID()}`

await runService(logger, async ({ onStop }) => {
  const { SHARDS: shards, NATS_REPLICAS: replicas } = environment
  let leases: Leases | undefined
  const telemetry = await startTelemetry({ service: 'ingest', instance, environment, logger })
  onStop('telemetry', telemetry.stop)
  const nats = await connectNats({ ...natsAddress(environment), name: instance, logger })
  onStop('NATS', nats.close)
  // Redis only makes a takeover quicker: ingest begins, and goes on, without it.
  const redis = connectRedis({
    ...redisAddress(environment),
    name: instance,
    logger,
    commandTimeoutMs: REDIS_ANSWER_MS,
  })
  onStop('Redis', () => redis.disconnect())
  await redisReady(redis, REDIS_WAIT_MS).catch((error: unknown) =>
    logger.warn({ err: error }, 'without Redis'),
  )
  const registry = createMetrics()
  watchRefusals(registry, nats)
  telemetry.watch(registry)
  const probes = { nats: () => nats.connection.flush(), redis: () => redis.ping() }
  onStop('store health', watchStores({ registry, probes }))
  const metrics = createIngestMetrics(registry, environment.WAITING_VOTES_MAX)
  watchQueues(registry, { commit: metrics.commitQueue })
  const halts = createHalts(registry)
  const halting = createHalting({ logger, halts })
  const health = await startHealthServer({
    port: environment.INGEST_METRICS_PORT,
    host: environment.METRICS_HOST,
    registry,
    routes: await openDiagnostics(environment, logger),
    missing: () => [...(nats.connected() ? [] : ['NATS']), ...(leases ? [] : ['leases']), ...halts.list()],
  })
  onStop('health server', health.stop)

  await ensureVoteStreams(nats, { shards, replicas })
  const closings = new Map<EventNumber, number>()
  const eventsBucket = await openEventsBucket(nats, replicas)
  const clock = await followBrokerClock({ ask: () => brokerTimeMs(nats), logger })
  onStop('clock', clock.stop)
  const catalog = await watchCatalog({
    bucket: eventsBucket,
    logger,
    project: ({ closesAtMs }) => ({ closesAtMs }),
    onChange: ({ number, closesAtMs }) => {
      if (closesAtMs !== null) closings.set(number, closesAtMs)
    },
    bytesMax: 1024 * 1024,
  })
  onStop('catalog', catalog.stop)

  const leaving = new AbortController()
  onStop('reading ahead', () => leaving.abort())
  const readAhead = createReadAhead((shard) =>
    takeOver({ nats, redis, shard, shards, logger, signal: leaving.signal }),
  )
  leases = await holdLeases({
    bucket: await openLeasesBucket(nats, replicas),
    role: 'ingest',
    instance,
    shards,
    logger,
    metrics: createLeaseMetrics(registry, ['ingest'], allShards(shards)),
    prepare: readAhead.prepare,
    work: (shard, signal) =>
      halting(shard, signal, async (onLearned) =>
        runShardLane({
          nats,
          redis,
          shard,
          shards,
          logger,
          instance,
          ahead: await readAhead.take(shard),
          appendTimeoutMs: environment.APPEND_TIMEOUT_MS,
          waitingVotesMax: environment.WAITING_VOTES_MAX,
          now: clock.now,
          closings,
          signal,
          onLearned,
          tracing: telemetry.tracing,
          metrics: metrics.ofShard(shard),
        }),
      ),
  })
  onStop('leases', leases.stop)
})
