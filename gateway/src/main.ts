import cluster from 'node:cluster'
import { brokerTimeMs, followBrokerClock } from '@votestream/infra/broker-clock'
import { watchCatalog } from '@votestream/infra/catalog'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { createMetrics, startHealthServer } from '@votestream/infra/health-server'
import { configure, type Lifecycle, runService } from '@votestream/infra/lifecycle'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { openBuckets } from '@votestream/infra/streams'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createAccounts } from './accounts.js'
import { createArchivedVotes } from './archived-votes.js'
import { createClientAddresses } from './client-address.js'
import { createDecidedLogs, createDecisions } from './decisions.js'
import { readGatewayEnvironment } from './environment.js'
import { projectEvent } from './event-catalog.js'
import { createEvents } from './events.js'
import { createGraphql } from './graphql/graphql.js'
import { guardAccounts } from './guarded-accounts.js'
import { createHttpServer } from './http-server.js'
import { createBroadcasts } from './live/broadcasts.js'
import { createLiveBoards } from './live/live-boards.js'
import { createLiveMetrics, watchLive } from './live/live-metrics.js'
import { createLiveVotes } from './live/live-votes.js'
import { createOpenCounts } from './live/open-counts.js'
import { createLoginThrottle } from './login-throttle.js'
import { pageRoutes } from './page.js'
import { createPasswords } from './passwords.js'
import { rememberIds } from './remembered-ids.js'
import { createResults } from './results.js'
import { createSecurityEvents, pseudonyms, watchTokens } from './security-events.js'
import { createStore } from './store.js'
import { createArchivedWindows } from './timeline/archived-windows.js'
import { createRecentWindows } from './timeline/recent-windows.js'
import { createTimelines } from './timeline/timelines.js'
import { createTokens } from './tokens.js'
import { createViewerTokens } from './viewer-tokens.js'
import { createVoteIntake } from './votes.js'
import { createVoting } from './voting.js'
import { isPrimary, reportToPrimary, runWorkers } from './workers.js'

/** How long a start waits for Redis before it goes on without: votes are taken all the same. */
const REDIS_WAIT_MS = 2_000
const CLICKHOUSE_TIMEOUT_MS = 5_000

const environment = configure(() => readGatewayEnvironment(process.env))
const logger = createLogger('gateway', environment.LOG_LEVEL)

const start = async (lifecycle: Lifecycle): Promise<void> => {
  const { onStop } = lifecycle
  if (isPrimary(environment.GATEWAY_WORKERS)) {
    const { GATEWAY_WORKERS: count, GATEWAY_METRICS_PORT: metricsPort } = environment
    return runWorkers({ count, metricsPort, logger, onStop })
  }
  const { SHARDS: shards, ADMIN_USERNAME: adminUsername, ADMIN_PASSWORD: adminPassword } = environment
  let listening = false
  const nats = await connectNats({ url: environment.NATS_URL, name: 'gateway', logger })
  onStop('NATS', nats.close)
  const redis = connectRedis({ url: environment.REDIS_URL, name: 'gateway', logger })
  onStop('Redis', () => redis.disconnect())
  await redisReady(redis, REDIS_WAIT_MS).catch((error: unknown) =>
    logger.warn({ err: error }, 'without Redis'),
  )
  const missing = () => [
    ...(listening ? [] : ['listening']),
    ...(nats.connected() ? [] : ['NATS']),
    ...(redis.status === 'ready' ? [] : ['Redis']),
  ]
  const registry = createMetrics()
  if (cluster.isWorker) reportToPrimary(registry, missing, lifecycle)
  else {
    const health = await startHealthServer({ port: environment.GATEWAY_METRICS_PORT, registry, missing })
    onStop('health server', health.stop)
  }

  const buckets = await openBuckets(nats, environment.NATS_REPLICAS)
  const { now, stop: stopClock } = await followBrokerClock({ ask: () => brokerTimeMs(nats), logger })
  onStop('clock', stopClock)
  const store = createStore(nats)
  const ids = rememberIds(createOpaqueIds(environment.ID_SECRET))
  const project = projectEvent(ids)
  const catalog = await watchCatalog({ bucket: buckets.events, logger, project })
  onStop('catalog', catalog.stop)
  const security = createSecurityEvents({ logger, registry })
  const tokens = watchTokens(
    createTokens({ secret: environment.JWT_SECRET, ids, ttlSeconds: environment.TOKEN_TTL }),
    security,
  )
  const accounts = guardAccounts(
    createAccounts({ buckets, nats, store, passwords: createPasswords(), tokens, logger, now }),
    { throttle: createLoginThrottle(), security, pseudonym: pseudonyms(environment.ID_SECRET), ids },
  )
  if (adminUsername !== undefined && adminPassword !== undefined) {
    await accounts.ensureAdmin(adminUsername, adminPassword)
  }

  const results = createResults({ redis, shards })
  const intake = createVoteIntake({ nats, shards, logger })
  onStop('vote intake', intake.stop)
  const events = createEvents({ bucket: buckets.events, nats, store, catalog, project, results, intake, now })
  const voting = createVoting({ ids, store, catalog, intake, results, now })
  const liveBoards = createLiveBoards({ nats, results, shards, logger })
  onStop('live boards', liveBoards.stop)
  const liveVotes = createLiveVotes({ results })
  const broadcasts = createBroadcasts({ metrics: createLiveMetrics(registry, now) })
  const connections = {
    users: createOpenCounts(environment.SOCKETS_PER_USER_MAX),
    addresses: createOpenCounts(environment.SOCKETS_PER_ADDRESS_MAX),
  }
  watchLive(registry, { broadcasts, connections })
  const clientAddresses = createClientAddresses(environment.TRUSTED_PROXIES)
  // Nothing is asked of it before somebody wants to see what is long past, or decides on a vote.
  const clickhouse = connectClickhouse({
    url: environment.CLICKHOUSE_URL,
    user: environment.CLICKHOUSE_USER,
    password: environment.CLICKHOUSE_PASSWORD,
    requestTimeoutMs: CLICKHOUSE_TIMEOUT_MS,
  })
  onStop('ClickHouse', () => clickhouse.close())
  const decisions = createDecisions({
    store,
    catalog,
    archive: createArchivedVotes(clickhouse),
    logs: createDecidedLogs({ nats, shards }),
    shards,
  })
  const timelines = createTimelines({
    recent: createRecentWindows({ redis, shards }),
    archived: createArchivedWindows(clickhouse),
  })
  const expiryGraceMs = environment.TOKEN_GRACE_SECONDS * 1_000
  const drainMs = environment.DRAIN_SECONDS * 1_000
  const graphql = createGraphql({
    accounts,
    events,
    voting,
    decisions,
    results,
    liveBoards,
    liveVotes,
    broadcasts,
    timelines,
    tokens,
    ids,
    logger,
    security,
    now,
    connections,
    addressOf: clientAddresses.of,
    introspection: environment.NODE_ENV !== 'production',
    sockets: {
      operationsPerSocketMax: environment.OPERATIONS_PER_SOCKET_MAX,
      expiryGraceMs,
      drainMs,
    },
  })
  const app = await createHttpServer({
    accounts,
    events,
    voting,
    decisions,
    tokens,
    ids,
    liveBoards,
    broadcasts,
    connections,
    trustProxy: clientAddresses.trust,
    leaderboardMaxAgeSeconds: environment.LEADERBOARD_MAX_AGE,
    expiryGraceMs,
    drainMs,
    logger,
    security,
    missing,
    doors: [graphql.door],
    plugins: [graphql.routes, pageRoutes({ viewerTokens: createViewerTokens({ tokens }) })],
  })
  // Answers what has arrived, closes what is idle, and only then are the connections behind it taken away.
  onStop('HTTP server', () => {
    // Whoever spreads the clients goes to other gateways from now on.
    listening = false
    return app.close()
  })
  await app.listen({ port: environment.GATEWAY_PORT, host: environment.GATEWAY_HOST })
  listening = true
  logger.info({ addresses: app.addresses() }, 'listening')
}

await runService(logger, start, { stopMoreMs: environment.DRAIN_SECONDS * 1_000 })
