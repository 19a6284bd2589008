import { randomUUID } from 'node:crypto'
import { brokerTimeMs, followBrokerClock } from '@votestream/infra/broker-clock'
import { watchCatalog } from '@votestream/infra/catalog'
import { connectClickhouse, pingClickhouse } from '@votestream/infra/clickhouse'
import { openDeadLetters } from '@votestream/infra/dead-letters'
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
import { connectRedis, redisReady, refuseEviction } from '@votestream/infra/redis'
import { ensureVoteStreams, openEventsBucket, openLeasesBucket } from '@votestream/infra/streams'
import { startTelemetry } from '@votestream/infra/telemetry/telemetry'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createArchive, ROWS_MAX } from './archive/archive-lane.js'
import { createArchiveMetrics } from './archive/archive-metrics.js'
import { createCatalogTables } from './archive/catalog-tables.js'
import { keepBooks } from './books/book-keeper.js'
import { createBooksMetrics } from './books/books-metrics.js'
import { readProcessorEnvironment } from './environment.js'
import { runJanitor } from './janitor/janitor.js'
import { createJanitorMetrics } from './janitor/janitor-metrics.js'
import { readClickhouseCheckpoints, readRedisCheckpoints } from './lag/checkpoints.js'
import { createLagMetrics } from './lag/lag-metrics.js'
import { watchLag } from './lag/lag-watch.js'
import { createLogTraces } from './log-traces.js'
import { createPartPublisher, publishPart } from './publish/part-publisher.js'
import { watchStoreFigures } from './store-figures.js'
import { runTallyLane } from './tally/tally-lane.js'
import { createTallyMetrics } from './tally/tally-metrics.js'

/** How long a start waits for Redis. */
const REDIS_WAIT_MS = 30_000
/** Of those who only look how ClickHouse is; the next look comes soon. */
const LOOK_TIMEOUT_MS = 5_000
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
  const login = {
    url: environment.CLICKHOUSE_URL,
    user: environment.CLICKHOUSE_USER,
    password: environment.CLICKHOUSE_PASSWORD,
  }
  const clickhouse = connectClickhouse(login)
  onStop('ClickHouse', () => clickhouse.close())
  // Whoever only looks has connections of its own: questions that hang must not keep the archive from writing.
  const lookout = connectClickhouse({ ...login, requestTimeoutMs: LOOK_TIMEOUT_MS })
  onStop('lookout', () => lookout.close())
  const registry = createMetrics()
  watchRefusals(registry, nats)
  telemetry.watch(registry)
  const probes = {
    nats: () => nats.connection.flush(),
    redis: () => redis.ping(),
    clickhouse: () => pingClickhouse(lookout),
  }
  onStop('store health', watchStores({ registry, probes }))
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
  const everyShard = allShards(shards)
  const leaseMetrics = createLeaseMetrics(registry, ['tally', 'archive', 'janitor'], everyShard)
  const bucket = await openLeasesBucket(nats, replicas)
  const common = { bucket, instance, shards, logger, metrics: leaseMetrics }
  const ids = createOpaqueIds(environment.ID_SECRET)
  const books = keepBooks({
    redis,
    clickhouse: lookout,
    shards,
    // Whoever counts the first shard: one of all processors.
    isMine: () => lanes[0]?.held().includes(everyShard[0] as Shard) ?? false,
    nameOf: ids.eventId,
    metrics: createBooksMetrics(registry),
    logger,
  })
  onStop('books', books.stop)
  const lag = watchLag({
    nats,
    shards,
    read: {
      redis: () => readRedisCheckpoints(redis, everyShard),
      clickhouse: () => readClickhouseCheckpoints(lookout),
    },
    metrics: createLagMetrics(registry, environment.CONSUMER_LAG_P99_MAX_MS),
    logger,
    now: clock.now,
  })
  onStop('lag', lag.stop)
  onStop('store figures', watchStoreFigures({ registry, nats, redis, dataDir: environment.DATA_DIR, logger }))

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
        onCounted: books.touch,
        signal,
      }),
  })
  onStop('tally', tally.stop)
  lanes.push(tally)

  // A slow ClickHouse delays nobody but itself: the archive has leases and readers of its own.
  const waiting = { rows: 0, stops: 0 }
  watchQueues(registry, {
    // Each shard may hold two batches.
    archive_rows: {
      depth: () => waiting.rows,
      bound: 2 * ROWS_MAX * shards,
      refused: () => waiting.stops,
    },
  })
  const lane = createArchive({
    nats,
    clickhouse,
    shards,
    logger,
    deadLetters,
    halts,
    traces,
    metrics: createArchiveMetrics(registry),
    waiting,
    onProgress: ({ shard, ...checkpoint }) => lag.reached(shard, checkpoint),
  })
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
    ids,
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
