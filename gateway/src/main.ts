import cluster from 'node:cluster'
import { brokerTimeMs, followBrokerClock } from '@votestream/infra/broker-clock'
import { watchCatalog } from '@votestream/infra/catalog'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { createDiagnostics } from '@votestream/infra/diagnostics/diagnostics'
import { diagnosticRoutes } from '@votestream/infra/diagnostics/routes'
import { natsAddress, redisAddress } from '@votestream/infra/environment'
import { createMetrics, startHealthServer } from '@votestream/infra/health-server'
import { configure, type Lifecycle, runService } from '@votestream/infra/lifecycle'
import { createServiceLogger } from '@votestream/infra/logging'
import { watchQueues } from '@votestream/infra/metrics/queues'
import { watchStores } from '@votestream/infra/metrics/store-health'
import { connectNats } from '@votestream/infra/nats'
import { watchRefusals } from '@votestream/infra/nats-refusals'
import { connectRedis, redisReady } from '@votestream/infra/redis'
import { openBuckets, openRevocationsBucket } from '@votestream/infra/streams'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createAccounts } from './accounts.js'
import { openAdmission } from './admission/open-admission.js'
import { createArchiveQueries } from './archive-queries.js'
import { createArchivedVotes } from './archived-votes.js'
import { createClientAddresses } from './client-address.js'
import { connectionQueue } from './connections.js'
import { createCrossOrigin } from './cross-origin.js'
import { createDecidedLogs, createDecisions } from './decisions.js'
import { readGatewayEnvironment, socketLimitsOf } from './environment.js'
import { projectEvent } from './event-catalog.js'
import { createEvents } from './events.js'
import { documentLimitsOf, hstsSecondsOf, httpLimitsOf } from './front-door-variables.js'
import { createGatewayMetrics } from './gateway-metrics.js'
import { createGraphql } from './graphql/graphql.js'
import { openSafelist } from './graphql/open-safelist.js'
import { guardAccounts } from './guarded-accounts.js'
import { createHttpServer } from './http-server.js'
import { createBoardTraces } from './live/board-traces.js'
import { createBroadcasts } from './live/broadcasts.js'
import { createLiveBoards } from './live/live-boards.js'
import { watchLive } from './live/live-metrics.js'
import { createLiveVotes } from './live/live-votes.js'
import { createOpenCounts } from './live/open-counts.js'
import { openLivePage } from './live-page.js'
import { createLoginThrottle } from './login-throttle.js'
import { createPasswords } from './passwords.js'
import { createRedisLogins } from './redis-logins.js'
import { rememberIds } from './remembered-ids.js'
import { createRequestLog } from './request-log.js'
import { createRequestTraces } from './request-traces.js'
import { createResults } from './results.js'
import { watchRevocations } from './revocations.js'
import { createRevoking } from './revoking.js'
import { createSecurityEvents, pseudonyms, watchTokens } from './security-events.js'
import { shareLogins } from './shared-logins.js'
import { followSigningKeys, readSigningKeys } from './signing-keys.js'
import { createStore } from './store.js'
import { startGatewayTelemetry } from './telemetry.js'
import { createArchivedWindows } from './timeline/archived-windows.js'
import { createRecentWindows } from './timeline/recent-windows.js'
import { createTimelines } from './timeline/timelines.js'
import { tlsFilesOf } from './tls-files.js'
import { createTokens } from './tokens.js'
import { createVoteIntake } from './votes.js'
import { createVoting } from './voting.js'
import { isPrimary, reportToPrimary, runWorkers } from './workers.js'

/** How long a start waits for Redis before it goes on without: votes are taken all the same. */
const REDIS_WAIT_MS = 2_000
const CLICKHOUSE_TIMEOUT_MS = 5_000
/** How long votes and decisions may look for an owner. */
const ACK_DEADLINE_MS = 5_000

const environment = configure(() => readGatewayEnvironment(process.env))
const logger = createServiceLogger('gateway', environment)

const start = async (lifecycle: Lifecycle): Promise<void> => {
  const { onStop } = lifecycle
  if (isPrimary(environment.GATEWAY_WORKERS)) return runWorkers({ environment, logger, onStop })
  const { ADMIN_USERNAME: adminUsername, ADMIN_PASSWORD: adminPassword } = environment
  const { SHARDS: shards, NATS_REPLICAS: replicas, GRAPHQL_SAFELIST: mode } = environment
  let listening = false
  const telemetry = await startGatewayTelemetry(environment, logger)
  const { tracing } = telemetry
  onStop('telemetry', telemetry.stop)
  const nats = await connectNats({ ...natsAddress(environment), name: 'gateway', logger })
  onStop('NATS', nats.close)
  const redis = connectRedis({ ...redisAddress(environment), name: 'gateway', logger })
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
  watchRefusals(registry, nats)
  telemetry.watch(registry)
  const probes = { nats: () => nats.connection.flush(), redis: () => redis.ping() }
  onStop('store health', watchStores({ registry, probes }))
  const diagnostics = await createDiagnostics({ logger, heapFromStart: environment.HEAP_PROFILE })
  if (cluster.isWorker) reportToPrimary({ registry, missing, diagnostics }, lifecycle)
  else {
    const health = await startHealthServer({
      port: environment.GATEWAY_METRICS_PORT,
      host: environment.METRICS_HOST,
      registry,
      missing,
      routes: diagnosticRoutes({ token: environment.DIAGNOSTICS_TOKEN, diagnostics }),
    })
    onStop('health server', health.stop)
  }

  const buckets = await openBuckets(nats, replicas)
  const { now, stop: stopClock } = await followBrokerClock({ ask: () => brokerTimeMs(nats), logger })
  onStop('clock', stopClock)
  const metrics = createGatewayMetrics(registry, now)
  const store = createStore(nats)
  const ids = rememberIds(createOpaqueIds(environment.ID_SECRET))
  const project = projectEvent(ids)
  const catalog = await watchCatalog({ bucket: buckets.events, logger, project })
  onStop('catalog', catalog.stop)
  const revocationsBucket = await openRevocationsBucket(nats, replicas)
  const security = createSecurityEvents({ logger, registry })
  const revocations = await watchRevocations({ bucket: revocationsBucket, logger, security, ids })
  onStop('revocations', revocations.stop)
  const revoking = createRevoking({ bucket: revocationsBucket, store, now })
  const { JWT_SECRET: secret, JWT_SECRET_OTHER: otherSecret, JWT_SECRETS_FILE: keysFile } = environment
  const secrets = keysFile === undefined ? { secret, otherSecret } : await readSigningKeys(keysFile)
  const tokens = watchTokens(
    createTokens({ ...secrets, ids, ttlSeconds: environment.TOKEN_TTL, revocations, now }),
    security,
  )
  if (keysFile !== undefined) {
    onStop(
      'keys',
      followSigningKeys(secrets, { file: keysFile, logger, security, onChange: tokens.useSecrets }),
    )
  }
  const counts = createRedisLogins(redis, environment.ID_SECRET)
  const throttle = shareLogins({ own: createLoginThrottle(), counts, logger })
  const passwords = createPasswords()
  const accounts = guardAccounts(createAccounts({ buckets, nats, store, passwords, tokens, logger, now }), {
    throttle,
    security,
    pseudonym: pseudonyms(environment.ID_SECRET),
    ids,
  })
  if (adminUsername !== undefined && adminPassword !== undefined) {
    await accounts.ensureAdmin(adminUsername, adminPassword)
  }

  const clientAddresses = createClientAddresses(environment.TRUSTED_PROXIES)
  const { admission, ...keysAndPlans } = await openAdmission(environment, {
    nats,
    redis,
    store,
    registry,
    metrics,
    tokens,
    addressOf: clientAddresses.of,
    now,
    logger,
    onStop,
  })

  const results = createResults({ redis, shards })
  const limits = httpLimitsOf(environment)
  // A vote is not sent again when its client has had another answer.
  const ackDeadlineMs = Math.min(ACK_DEADLINE_MS, limits.requestTimeoutMs)
  const { batchVotes } = metrics
  const intake = createVoteIntake({ nats, shards, logger, ackDeadlineMs, batchVotes, tracing })
  onStop('vote intake', intake.stop)
  const events = createEvents({ bucket: buckets.events, nats, store, catalog, project, results, intake, now })
  const voting = createVoting({ ids, store, catalog, intake, results, now })
  const liveBoards = createLiveBoards({ nats, results, shards, logger })
  onStop('live boards', liveBoards.stop)
  const liveVotes = createLiveVotes({ results })
  const broadcasts = createBroadcasts({ metrics: metrics.live, traces: createBoardTraces(tracing) })
  const connections = {
    users: createOpenCounts(environment.SOCKETS_PER_USER_MAX),
    addresses: createOpenCounts(environment.SOCKETS_PER_ADDRESS_MAX),
  }
  watchLive(registry, { broadcasts, connections })
  // Nothing is asked of it before somebody wants to see what is long past, or decides on a vote.
  const clickhouse = connectClickhouse({
    url: environment.CLICKHOUSE_URL,
    user: environment.CLICKHOUSE_USER,
    password: environment.CLICKHOUSE_PASSWORD,
    // What takes longer is called off before: the client library only looks away.
    requestTimeoutMs: 2 * CLICKHOUSE_TIMEOUT_MS,
  })
  onStop('ClickHouse', () => clickhouse.close())
  const archive = createArchiveQueries({ clickhouse, timeoutMs: CLICKHOUSE_TIMEOUT_MS })
  const decisions = createDecisions({
    store,
    catalog,
    archive: createArchivedVotes(archive),
    logs: createDecidedLogs({ nats, shards, ackDeadlineMs }),
    shards,
  })
  const timelines = createTimelines({
    recent: createRecentWindows({ redis, shards }),
    archived: createArchivedWindows(archive),
  })
  const sockets = socketLimitsOf(environment)
  const { expiryGraceMs, drainMs } = sockets
  const crossOrigin = createCrossOrigin(environment.CORS_ORIGINS)
  const documentLimits = documentLimitsOf(environment)
  const { tokensMax } = documentLimits
  const safelist = await openSafelist({ mode, tokensMax, nats, replicas, logger, onStop })
  const connectionCounts = { open: 0, refused: 0 }
  watchQueues(registry, {
    votes: intake.queue,
    passwords: passwords.queue,
    connections: connectionQueue(connectionCounts, limits),
  })
  const graphql = createGraphql({
    accounts,
    events,
    voting,
    decisions,
    revoking,
    results,
    liveBoards,
    liveVotes,
    broadcasts,
    timelines,
    ...keysAndPlans,
    tokens,
    admission,
    ids,
    logger,
    security,
    now,
    connections,
    addressOf: clientAddresses.of,
    introspection: environment.NODE_ENV !== 'production',
    safelist,
    requestMetrics: metrics.requests,
    sockets,
    limits,
    documentLimits,
    crossOrigin,
    tracing,
  })
  const { LOG_REQUESTS_RATIO: ratio, SLOW_REQUEST_MS: slowMs } = environment
  const app = await createHttpServer({
    accounts,
    events,
    voting,
    decisions,
    tokens,
    admission,
    ids,
    liveBoards,
    broadcasts,
    connections,
    trustProxy: clientAddresses.trust,
    leaderboardMaxAgeSeconds: environment.LEADERBOARD_MAX_AGE,
    expiryGraceMs,
    drainMs,
    logger,
    requestLog: createRequestLog({ logger, ratio, slowMs }),
    security,
    requestMetrics: metrics.requests,
    connectionCounts,
    missing,
    limits,
    crossOrigin,
    traces: createRequestTraces(tracing),
    tls: tlsFilesOf(environment, logger),
    hstsSeconds: hstsSecondsOf(environment),
    doors: [graphql.door],
    plugins: [graphql.routes, ...openLivePage(environment, { tokens, registry, crossOrigin, onStop })],
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
