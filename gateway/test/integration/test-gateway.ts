import { watchCatalog } from '@votestream/infra/catalog'
import { createLogger, type Logger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { type Buckets, openBuckets, openPlanBuckets, openRevocationsBucket } from '@votestream/infra/streams'
import { contestantIndex, voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds, type OpaqueIds } from '@votestream/schema/opaque-ids'
import { type Scope, USER_SCOPES } from '@votestream/schema/scopes'
import type { Decision, Submission } from '@votestream/schema/votes'
import type { FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { type Accounts, createAccounts } from '../../src/accounts.js'
import type { Admission } from '../../src/admission/admission.js'
import { type WatchedApiKeys, watchApiKeys } from '../../src/admission/api-keys.js'
import { createKeyUsage } from '../../src/admission/key-usage.js'
import type { Limits } from '../../src/admission/limits.js'
import { createQuotaLedger } from '../../src/admission/quota-ledger.js'
import { createQuotas, type SharedQuotas } from '../../src/admission/quotas.js'
import { createUsagePlans, type UsagePlans } from '../../src/admission/usage-plans.js'
import type { FirstEntry } from '../../src/archived-votes.js'
import type { Board } from '../../src/board.js'
import type { Caller } from '../../src/caller.js'
import { createClientAddresses } from '../../src/client-address.js'
import { createCrossOrigin } from '../../src/cross-origin.js'
import { createDecisions } from '../../src/decisions.js'
import { projectEvent } from '../../src/event-catalog.js'
import { createEvents, type Events } from '../../src/events.js'
import type { DocumentLimits } from '../../src/graphql/document-limits.js'
import { createGraphql } from '../../src/graphql/graphql.js'
import { openSafelist } from '../../src/graphql/open-safelist.js'
import type { SafelistMode } from '../../src/graphql/safelist.js'
import type { SocketLimits } from '../../src/graphql/sockets.js'
import { guardAccounts } from '../../src/guarded-accounts.js'
import type { HttpLimits } from '../../src/http-limits.js'
import { createHttpServer } from '../../src/http-server.js'
import type { Patience } from '../../src/live/audience.js'
import { type Broadcasts, createBroadcasts } from '../../src/live/broadcasts.js'
import { createLiveBoards } from '../../src/live/live-boards.js'
import { createLiveVotes } from '../../src/live/live-votes.js'
import { createOpenCounts, type LiveConnections } from '../../src/live/open-counts.js'
import { createLoginThrottle } from '../../src/login-throttle.js'
import { createPasswords } from '../../src/passwords.js'
import { rememberIds } from '../../src/remembered-ids.js'
import type { RequestLog } from '../../src/request-log.js'
import { createRequestMetrics } from '../../src/request-metrics.js'
import type { Results, VoteStatus } from '../../src/results.js'
import { watchRevocations } from '../../src/revocations.js'
import { createRevoking } from '../../src/revoking.js'
import { createSecurityEvents, pseudonyms } from '../../src/security-events.js'
import { createStore } from '../../src/store.js'
import type { Timelines } from '../../src/timeline/timelines.js'
import type { TlsFiles } from '../../src/tls-files.js'
import { createTokens, type Tokens } from '../../src/tokens.js'
import type { VoteIntake } from '../../src/votes.js'
import { createVoting } from '../../src/voting.js'
import { createTestAdmission, HIGH_LIMITS } from '../test-admission.js'

type AdmissionKeys = Parameters<typeof createTestAdmission>[0]

/** A gateway over a real broker; what stands behind the votes is the test's to say. */
export interface TestGateway {
  readonly app: FastifyInstance
  readonly servers: TestServers
  readonly nats: Nats
  readonly buckets: Buckets
  readonly ids: OpaqueIds
  readonly tokens: Tokens
  readonly accounts: { -readonly [Name in keyof Accounts]: Accounts[Name] }
  readonly events: Events
  readonly usagePlans: UsagePlans
  readonly apiKeys: WatchedApiKeys
  readonly quotas: SharedQuotas
  readonly registry: Registry
  readonly broadcasts: Broadcasts
  readonly connections: LiveConnections
  readonly submissions: Submission[]
  readonly closings: number[]
  readonly decisions: Decision[]
  /** What the archive knows of whoever is asked for; by default a vote for the first contestant. */
  firstEntry: () => Promise<FirstEntry | undefined>
  /** Called for every decision; by default it is on disk at once. */
  record: (decision: Decision) => Promise<void>
  /** Called for every vote; by default it accepts. */
  decide: (submission: Submission) => Promise<'accepted' | 'duplicate' | 'closed'>
  board: () => Promise<Board>
  parts: Results['parts']
  timeline: Timelines['read']
  voteStatus: () => Promise<VoteStatus>
  nowMs: () => number
  /** Other limits for what comes from now on; undefined: none that a test comes to. */
  limit(limits: Partial<Limits> | undefined, keys?: Pick<AdmissionKeys, 'keys' | 'quotas'>): void
  /** Messages in the buckets: a request that writes nothing leaves it as it is. */
  written(): Promise<number>
  userToken(voter: number, scopes?: readonly Scope[]): string
  applicationToken(scopes: readonly Scope[]): string
  stop(): Promise<void>
}

export const callerOf = (voter: number | undefined, scopes: readonly Scope[] = USER_SCOPES): Caller => ({
  voter: voter === undefined ? undefined : voterNumber(voter),
  userId: undefined,
  expiresAtMs: Number.POSITIVE_INFINITY,
  issuedAtMs: Number.POSITIVE_INFINITY,
  tokenId: '',
  scopes: new Set(scopes),
})

export const PATIENCE: Patience = { bufferedBytes: 16 * 1024, bufferedBytesMax: 4 * 1024 * 1024, ms: 1_000 }

/** Small where a test reaches them. */
export const CONNECTION_LIMITS = { perUser: 20, perAddress: 100 }

export const SOCKET_LIMITS: SocketLimits = {
  operationsPerSocketMax: 100,
  expiryGraceMs: 200,
  drainMs: 100,
  pingEveryMs: 4_000,
  perSecondMax: 10_000,
  idleMs: 600_000,
  lifeMs: 7_200_000,
  stages: [],
}

export const FIRST_ENTRY: FirstEntry = { contestant: contestantIndex(0), ackedAtMs: 1_700_000_000_000 }

export interface TestGatewayOptions {
  readonly limits?: Partial<HttpLimits>
  readonly documentLimits?: Partial<DocumentLimits>
  readonly sockets?: Partial<SocketLimits>
  /** Pages of these may call. */
  readonly origins?: readonly string[]
  readonly tls?: TlsFiles
  readonly hstsSeconds?: number
  readonly safelist?: SafelistMode
  /** By default nothing is logged. */
  readonly logger?: Logger
  readonly requestLog?: RequestLog
}

export const startTestGateway = async (options: TestGatewayOptions = {}): Promise<TestGateway> => {
  const limits = { requestTimeoutMs: 10_000, ...options.limits }
  const crossOrigin = createCrossOrigin(options.origins ?? [])
  const servers = await startServersForTest(['nats'])
  const { logger = createLogger('gateway-test', 'silent') } = options
  const nats = await connectNats({ url: servers.get('nats').url, name: 'gateway-test', logger })
  const buckets = await openBuckets(nats, 1)
  const store = createStore(nats)
  const ids = rememberIds(createOpaqueIds('a secret for the tests of the gateway'))
  const project = projectEvent(ids)
  const catalog = await watchCatalog({ bucket: buckets.events, logger, project })
  const now = () => gateway.nowMs()
  const revocationsBucket = await openRevocationsBucket(nats, 1)
  const registry = new Registry()
  const requestMetrics = createRequestMetrics(registry)
  const security = createSecurityEvents({ logger, registry })
  const revocations = await watchRevocations({ bucket: revocationsBucket, logger, security, ids })
  const revoking = createRevoking({ bucket: revocationsBucket, store, now })
  const tokens = createTokens({
    secret: 'another secret for the tests',
    ids,
    ttlSeconds: 3_600,
    now,
    revocations,
  })
  // For logins no time passes: who has to wait does so however long a test takes.
  const throttle = createLoginThrottle({ now: () => 0 })
  const accounts = guardAccounts(
    createAccounts({ buckets, nats, store, passwords: createPasswords(), tokens, logger }),
    {
      throttle: { begin: async (account, address) => throttle.begin(account, address) },
      security,
      pseudonym: pseudonyms('a third secret'),
      ids,
    },
  )
  const intake: VoteIntake = {
    submit(submission) {
      gateway.submissions.push(submission)
      return gateway.decide(submission)
    },
    async close(event) {
      gateway.closings.push(event)
    },
    stop: async () => undefined,
  }
  const results: Results = {
    parts: (events) => gateway.parts(events),
    board: () => gateway.board(),
    voteStatus: () => gateway.voteStatus(),
  }
  const events = createEvents({ bucket: buckets.events, nats, store, catalog, project, results, intake, now })
  const voting = createVoting({ ids, store, catalog, intake, results, now })
  const decisions = createDecisions({
    store,
    catalog,
    shards: 1,
    archive: { first: () => gateway.firstEntry(), sequence: async () => 0 },
    logs: {
      end: async () => ({ generation: '', firstSequence: 1, lastSequence: 0 }),
      async decide(decision) {
        await gateway.record(decision)
        gateway.decisions.push(decision)
      },
    },
  })
  const planBuckets = await openPlanBuckets(nats, 1)
  const usagePlans = createUsagePlans({ bucket: planBuckets.usagePlans, store, now })
  const apiKeys = await watchApiKeys({ bucket: planBuckets.usagePlans, required: false, now, logger })
  const ledger = createQuotaLedger(planBuckets.quotas, nats, store)
  const quotas = createQuotas({ ledger, now, logger })
  const liveBoards = createLiveBoards({ nats, results, shards: 1, logger })
  const broadcasts = createBroadcasts({ patience: PATIENCE })
  const connections: LiveConnections = {
    users: createOpenCounts(CONNECTION_LIMITS.perUser),
    addresses: createOpenCounts(CONNECTION_LIMITS.perAddress),
  }
  const clientAddresses = createClientAddresses(['127.0.0.1'])
  let limited: Admission | undefined
  const high = createTestAdmission({ tokens, addressOf: clientAddresses.of })
  const current = () => limited ?? high
  const admission: Admission = {
    enter: (...given) => current().enter(...given),
    enterOpen: (...given) => current().enterOpen(...given),
    visit: (...given) => current().visit(...given),
    originOf: (...given) => current().originOf(...given),
    enterFrom: (...given) => current().enterFrom(...given),
    charge: (...given) => current().charge(...given),
  }
  const stops: (() => void)[] = []
  const safelist = await openSafelist({
    mode: options.safelist ?? 'off',
    nats,
    replicas: 1,
    logger,
    onStop: (_name, stop) => stops.push(stop),
  })
  const graphql = createGraphql({
    accounts,
    events,
    voting,
    decisions,
    revoking,
    results,
    liveBoards,
    broadcasts,
    liveVotes: createLiveVotes({ results }),
    usagePlans,
    apiKeys,
    keyUsage: createKeyUsage(ledger, now),
    timelines: { read: (...asked) => gateway.timeline(...asked) },
    tokens,
    admission,
    ids,
    logger,
    now,
    introspection: true,
    safelist,
    requestMetrics,
    connections,
    addressOf: clientAddresses.of,
    sockets: { ...SOCKET_LIMITS, ...options.sockets },
    documentLimits: options.documentLimits ?? {},
    limits,
    crossOrigin,
  })
  const missing = () => (nats.connected() ? [] : ['NATS'])
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
    leaderboardMaxAgeSeconds: 1,
    expiryGraceMs: SOCKET_LIMITS.expiryGraceMs,
    drainMs: SOCKET_LIMITS.drainMs,
    logger,
    requestMetrics,
    ...(options.requestLog ? { requestLog: options.requestLog } : {}),
    missing,
    limits,
    crossOrigin,
    tls: options.tls,
    hstsSeconds: options.hstsSeconds,
    doors: [graphql.door],
    plugins: [graphql.routes],
  })
  const gateway: TestGateway = {
    app,
    servers,
    nats,
    buckets,
    ids,
    tokens,
    accounts,
    events,
    usagePlans,
    apiKeys,
    quotas,
    registry,
    broadcasts,
    connections,
    submissions: [],
    closings: [],
    decisions: [],
    firstEntry: async () => FIRST_ENTRY,
    record: async () => undefined,
    decide: async () => 'accepted',
    parts: async () => new Map(),
    timeline: async () => [],
    board: async () => ({ version: 0, totals: [], ackedAtMs: 0 }),
    voteStatus: async () => 'processed',
    nowMs: Date.now,
    limit(limits, keys) {
      limited =
        limits &&
        createTestAdmission({
          tokens,
          addressOf: clientAddresses.of,
          limits: { ...HIGH_LIMITS, ...limits },
          ...keys,
        })
    },
    async written() {
      const infos = ['accounts', 'credentials', 'events'].map((bucket) =>
        nats.jsm.streams.info(`KV_${bucket}`),
      )
      return (await Promise.all(infos)).reduce((sum, { state }) => sum + state.last_seq, 0)
    },
    userToken: (voter, scopes = USER_SCOPES) => tokens.issue({ voter: voterNumber(voter), scopes }),
    applicationToken: (scopes) => tokens.issue({ scopes }),
    async stop() {
      await app.close()
      await quotas.stop()
      for (const stop of stops) stop()
      apiKeys.stop()
      revocations.stop()
      catalog.stop()
      await nats.close()
      await servers.stop()
    },
  }
  return gateway
}
