import { randomUUID } from 'node:crypto'
import { brokerTimeMs, followBrokerClock } from '@votestream/infra/broker-clock'
import { watchCatalog } from '@votestream/infra/catalog'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { openDeadLetters } from '@votestream/infra/dead-letters'
import { openDiagnostics } from '@votestream/infra/diagnostics/open-diagnostics'
import { natsAddress, redisAddress } from '@votestream/infra/environment'
import { createHalts } from '@votestream/infra/halts'
import { createMetrics, startHealthServer } from '@votestream/infra/health-server'
import { holdLeases, type Leases } from '@votestream/infra/leases'
import { configure, runService } from '@votestream/infra/lifecycle'
import { createServiceLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { watchRefusals } from '@votestream/infra/nats-refusals'
import { connectRedis, redisReady, refuseEviction } from '@votestream/infra/redis'
import { ensureVoteStreams, openEventsBucket, openLeasesBucket } from '@votestream/infra/streams'
import { startTelemetry } from '@votestream/infra/telemetry/telemetry'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createArchive } from './archive/archive-lane.js'
import { createCatalogTables } from './archive/catalog-tables.js'
import { readProcessorEnvironment } from './environment.js'
import { runJanitor } from './janitor/janitor.js'
import { createJanitorMetrics } from './janitor/janitor-metrics.js'
import { createLogTraces } from './log-traces.js'
import { createPartPublisher, publishPart } from './publish/part-publisher.js'
import { runTallyLane } from './tally/tally-lane.js'
import { createTallyMetrics } from './tally/tally-metrics.js'

/** How long a start waits for Redis. */
const REDIS_WAIT_MS = 30_000
const HOUR_MS = 3_600_000

const environment = configure(() => readProcessorEnvironment(process.env))
const logger = createServiceLogger('processor', environment)
const instance = environment.INSTANCE_NAME ?? `processor-${randomUUID()}`

await runService(logger, async ({ onStop }) => {
  const { SHARDS: shards, NATS_REPLICAS: replicas } = environment
  const lanes: Leases[] = []
  const telemetry = await startTelemetry({ service: 'processor', instance, environment, logger })
  onStop('telemetry', telemetry.stop)
  const nats = await connectNats({ ...natsAddress(environment), name: instance, logger })
  onStop('NATS', nats.close)
  const redis = connectRedis({ ...redisAddress(environment), name: instance, logger })
  onStop('Redis', () => redis.disconnect())
  const clickhouse = connectClickhouse({
    url: environment.CLICKHOUSE_URL,
    user: environment.CLICKHOUSE_USER,
    password: environment.CLICKHOUSE_PASSWORD,
  })
  onStop('ClickHouse', () => clickhouse.close())
  const registry = createMetrics()
  watchRefusals(registry, nats)
  telemetry.watch(registry)
  const halts = createHalts(registry)
  const health = await startHealthServer({
    port: environment.PROCESSOR_METRICS_PORT,
    host: environment.METRICS_HOST,
    registry,
    routes: await openDiagnostics(environment, logger),
    // ClickHouse may be away: leaderboards do not wait for it.
    missing: () => [
      ...(nats.connected() ? [] : ['NATS']),
      ...(redis.status === 'ready' ? [] : ['Redis']),
      ...(lanes.length === 3 ? [] : ['leases']),
      ...halts.list(),
    ],
  })
  onStop('health server', health.stop)

  await ensureVoteStreams(nats, { shards, replicas })
  const deadLetters = await openDeadLetters(nats, replicas)
  const eventsBucket = await openEventsBucket(nats, replicas)
  const clock = await followBrokerClock({ ask: () => brokerTimeMs(nats), logger })
  onStop('clock', clock.stop)
  await redisReady(redis, REDIS_WAIT_MS)
  await refuseEviction(redis)
  const common = { bucket: await openLeasesBucket(nats, replicas), instance, shards, logger }

  const traces = createLogTraces(telemetry.tracing, clock.now)
  const publish = publishPart(nats, traces)
  const publisher = createPartPublisher({ publish, tickMs: environment.BOARD_TICK_MS })
  onStop('publisher', publisher.stop)
  const tallyMetrics = createTallyMetrics(registry, clock.now)
  const tally = await holdLeases({
    ...common,
    role: 'tally',
    work: (shard, signal) =>
      runTallyLane({
        nats,
        redis,
        clickhouse,
        shard,
        shards,
        logger,
        publisher,
        deadLetters,
        halts,
        metrics: tallyMetrics,
        traces,
        signal,
      }),
  })
  onStop('tally', tally.stop)
  lanes.push(tally)

  // A slow ClickHouse delays nobody but itself: the archive has leases and readers of its own.
  const lane = createArchive({ nats, clickhouse, shards, logger, deadLetters, halts, traces })
  const archive = await holdLeases({
    ...common,
    role: 'archive',
    work: (shard, signal) => lane.runLane({ shard, signal }),
  })
  onStop('archive', archive.stop)
  lanes.push(archive)

  const { LOG_RETENTION_HOURS: hours, LOG_BYTES_MAX: bytesMax } = environment
  const retention = { ageMaxMs: hours === undefined ? undefined : hours * HOUR_MS, bytesMax }
  const metrics = createJanitorMetrics(registry)
  const janitor = await holdLeases({
    ...common,
    role: 'janitor',
    work: (shard, signal) =>
      runJanitor({
        nats,
        redis,
        clickhouse,
        oldestDead: deadLetters.lowest,
        shard,
        shards,
        retention,
        metrics,
        logger,
        now: clock.now,
        signal,
      }),
  })
  onStop('janitor', janitor.stop)
  lanes.push(janitor)

  const tables = createCatalogTables({
    clickhouse,
    logger,
    ids: createOpaqueIds(environment.ID_SECRET),
    now: clock.now,
  })
  const catalog = await watchCatalog({
    bucket: eventsBucket,
    logger,
    project: ({ number }) => ({ number }),
    onChange: tables.learn,
    bytesMax: 1024 * 1024,
  })
  const stopTables = new AbortController()
  const tablesDone = tables.run(stopTables.signal)
  onStop('catalog', async () => {
    catalog.stop()
    stopTables.abort()
    await tablesDone
  })
})
