import { readFile } from 'node:fs/promises'
import { createTokens, type Tokens } from '@votestream/gateway/tokens'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { type ServerProcess, startServer } from '@votestream/infra/servers/server-process'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams, openBuckets } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { encodeEvent, eventKey } from '@votestream/schema/event-record'
import {
  contestantIndex,
  type EventNumber,
  eventNumber,
  shardNumber,
  voterNumber,
} from '@votestream/schema/numbers'
import { createOpaqueIds, type OpaqueIds } from '@votestream/schema/opaque-ids'
import { checkpointKey } from '@votestream/schema/redis-keys'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { leaderboardSubject } from '@votestream/schema/subjects'
import { boardPart } from '@votestream/schema/votes'
import { variablesForTests } from '../environment.js'
import { serviceSpec } from '../service-specs.js'

export interface SmallEvent {
  readonly number: EventNumber
  readonly id: string
  readonly contestantIds: readonly string[]
}

export interface SmallGateway {
  readonly port: number
  readonly pid: number
  readonly metricsUrl: string
  /** SIGTERM, until it is gone, and then a new one on the same port, until it is ready. */
  restart(): Promise<void>
}

/** The services of ours that something is measured with, over a real broker and a real Redis. */
export interface SmallSystem {
  readonly servers: TestServers
  readonly nats: Nats
  readonly redis: Redis
  readonly events: readonly SmallEvent[]
  readonly gateways: readonly SmallGateway[]
  readonly ids: OpaqueIds
  readonly tokens: Tokens
  /** What its tokens are signed with. */
  readonly jwtSecret: string
  /** With every worker of the gateways. */
  gatewayPids(): Promise<number[]>
  /** All that runs, by its kind. */
  processes(): Promise<ProcessGroup[]>
  viewerToken(): string
  voter(number: number): { readonly userId: string; readonly token: string }
  /** A board as a tally sends it, of a system without votes. @param votes by contestant */
  show(event: SmallEvent, version: number, votes: readonly number[], atMs: number): void
  stop(): Promise<void>
}

/** Processes of one kind. */
export interface ProcessGroup {
  readonly name: 'gateway' | 'ingest' | 'processor' | 'nats' | 'redis' | 'clickhouse'
  readonly pids: readonly number[]
  /** One for each process of ours, or for those of one gateway together. */
  readonly metricsUrls: readonly string[]
}

/** A process of ours with its private address. */
interface SmallService extends ServerProcess {
  readonly metricsUrl: string
}

export interface SmallSystemOptions {
  readonly contestants: readonly string[]
  readonly events?: number
  readonly gateways?: number
  /** With an ingest and a processor; without, boards come from `show`. */
  readonly votes?: boolean
  readonly ingests?: number
  readonly processors?: number
  /** Of a system with votes. */
  readonly shards?: number
  /** With ClickHouse, and every vote in it. */
  readonly archive?: boolean
  /** A folder for what each service did with its processor time; see NodeProgram. */
  readonly profileFolder?: string | undefined
  /** Of all services. */
  readonly env?: NodeJS.ProcessEnv
}

const GENERATION = '2026-01-01T00:00:00Z'
const JWT_SECRET = 'a secret for this bench, which nobody else uses'
const ID_SECRET = 'another secret for this bench, which nobody else uses'
const IMAGE_URL = 'https://a.example/1.jpg'
const logger = createLogger('bench', 'silent')

export const startSmallSystem = async (options: SmallSystemOptions): Promise<SmallSystem> => {
  const { contestants, events: eventsCount = 1, gateways: gatewaysCount = 1 } = options
  const {
    votes = false,
    archive = false,
    ingests: ingestsCount = 1,
    processors: processorsCount = 1,
  } = options
  const shards = votes ? (options.shards ?? 2) : 1
  const stops: (() => unknown)[] = []
  const stop = async (): Promise<void> => {
    for (const undo of stops.splice(0).reverse()) await undo()
  }
  try {
    const servers = await startServersForTest(archive ? ['nats', 'redis', 'clickhouse'] : ['nats', 'redis'])
    stops.push(servers.stop)
    const nats = await connectNats({ url: servers.get('nats').url, name: 'bench', logger })
    stops.push(nats.close)
    const redis = connectRedis({ url: servers.get('redis').url, name: 'bench', logger })
    stops.push(() => redis.disconnect())
    await redisReady(redis, 5_000)
    await ensureVoteStreams(nats, { shards, replicas: 1 })
    const clickhouseUrl = archive ? await migrated(servers.get('clickhouse').url) : 'http://127.0.0.1:1'
    const ids = createOpaqueIds(ID_SECRET)
    const events = await makeEvents(nats, ids, { contestants, count: eventsCount })
    if (!votes) {
      // Of a log that nobody wrote to everything has been counted.
      await redis.hset(checkpointKey(shardNumber(0)), { generation: GENERATION, sequence: 0, whole_at: 0 })
    }
    const program = {
      root: repositoryRoot(),
      logFolder: servers.folder,
      profileFolder: options.profileFolder,
      env: {
        ...variablesForTests(),
        NATS_URL: servers.get('nats').url,
        REDIS_URL: servers.get('redis').url,
        CLICKHOUSE_URL: clickhouseUrl,
        JWT_SECRET,
        ID_SECRET,
        SHARDS: String(shards),
        SOCKETS_PER_ADDRESS_MAX: '1000000',
        SOCKETS_PER_SECOND_MAX: '1000000',
        LOG_LEVEL: 'warn',
        ...options.env,
      },
    }
    const startService = async (...[service, own = {}, name]: ServiceArguments): Promise<SmallService> => {
      const metricsPort = await freePort()
      const spec = serviceSpec(service, metricsPort, { ...program, env: { ...program.env, ...own } }, name)
      const started = await startServer({ ...spec, detached: false, stopTimeoutMs: 20_000 })
      return { ...started, metricsUrl: `http://127.0.0.1:${metricsPort}/metrics` }
    }
    const startServices = async (service: 'ingest' | 'processor', count: number): Promise<SmallService[]> => {
      const started = await Promise.all(
        Array.from({ length: count }, (_, index) => startService(service, {}, `${service}-${index}`)),
      )
      for (const each of started) stops.push(() => each.stop())
      return started
    }
    const [ingests, processors] = votes
      ? await Promise.all([
          startServices('ingest', ingestsCount),
          startServices('processor', processorsCount),
        ])
      : [[], []]
    const gateways = await Promise.all(
      Array.from({ length: gatewaysCount }, (_, index) => startGateway(startService, `gateway-${index}`)),
    )
    for (const gateway of gateways) stops.push(gateway.stop)
    const tokens = createTokens({ secret: JWT_SECRET, ids, ttlSeconds: 24 * 3_600 })
    const pidsOf = (running: readonly { readonly pid: number }[]) => running.map(({ pid }) => pid)
    const metricsOf = (running: readonly { readonly metricsUrl: string }[]) =>
      running.map(({ metricsUrl }) => metricsUrl)
    const gatewayPids = async (): Promise<number[]> => [
      ...pidsOf(gateways),
      ...(await childrenOf(pidsOf(gateways))),
    ]
    return {
      servers,
      nats,
      redis,
      events,
      gateways,
      ids,
      tokens,
      jwtSecret: JWT_SECRET,
      gatewayPids,
      processes: async () => [
        { name: 'gateway', pids: await gatewayPids(), metricsUrls: metricsOf(gateways) },
        { name: 'ingest', pids: pidsOf(ingests), metricsUrls: metricsOf(ingests) },
        { name: 'processor', pids: pidsOf(processors), metricsUrls: metricsOf(processors) },
        ...(archive ? (['nats', 'redis', 'clickhouse'] as const) : (['nats', 'redis'] as const)).map(
          (name) => ({ name, pids: [servers.get(name).pid], metricsUrls: [] }),
        ),
      ],
      viewerToken: () => tokens.issue({ scopes: ['results:read'] }),
      voter: (number) => ({ userId: ids.userId(voterNumber(number)), token: voterTokenOf(tokens, number) }),
      show({ number }, version, totals, atMs) {
        const part = { event: number, shard: shardNumber(0), generation: GENERATION, sequence: version }
        const message = boardPart.encode({ ...part, totals: [...totals], ackedAtMs: atMs })
        nats.connection.publish(leaderboardSubject(number), message)
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

type ServiceArguments = readonly [
  service: 'ingest' | 'processor' | 'gateway',
  own?: NodeJS.ProcessEnv,
  name?: string,
]

/** @returns the address, once the tables are there. */
const migrated = async (url: string): Promise<string> => {
  const clickhouse = connectClickhouse({ url, user: 'default', password: '', requestTimeoutMs: 30_000 })
  try {
    const migrations = await readMigrations(migrationsFolder)
    await applyMigrations({ clickhouse, migrations, say: () => undefined })
    return url
  } finally {
    await clickhouse.close()
  }
}

const voterTokenOf = (tokens: Tokens, voter: number): string =>
  tokens.issue({ voter: voterNumber(voter), scopes: USER_SCOPES })

const makeEvents = async (
  nats: Nats,
  ids: OpaqueIds,
  { contestants, count }: { readonly contestants: readonly string[]; readonly count: number },
): Promise<SmallEvent[]> => {
  const { events: bucket } = await openBuckets(nats, 1)
  const events: SmallEvent[] = []
  for (let index = 1; index <= count; index += 1) {
    const number = eventNumber(index)
    const record = encodeEvent({
      version: 1,
      number,
      name: `Final ${index}`,
      createdBy: voterNumber(1),
      createdAtMs: 0,
      opensAtMs: null,
      closesAtMs: null,
      contestants: contestants.map((name) => ({ name, description: name, imageUrl: IMAGE_URL })),
    })
    await bucket.put(eventKey(number), record)
    const contestantIds = contestants.map((_, at) => ids.contestantId(number, contestantIndex(at)))
    events.push({ number, id: ids.eventId(number), contestantIds })
  }
  return events
}

const startGateway = async (
  startService: (...given: ServiceArguments) => Promise<SmallService>,
  name: string,
): Promise<SmallGateway & { stop(): Promise<void> }> => {
  let port = await freePort()
  const start = () => startService('gateway', { GATEWAY_PORT: String(port) }, name)
  // Among ten thousands of sockets a port that was free a moment ago may be one of theirs.
  let running = await start().catch(async () => {
    port = await freePort()
    return start()
  })
  return {
    port,
    get pid() {
      return running.pid
    },
    get metricsUrl() {
      return running.metricsUrl
    },
    async restart() {
      await running.stop()
      running = await start()
    },
    stop: () => running.stop(),
  }
}

const childrenOf = async (pids: readonly number[]): Promise<number[]> => {
  const lists = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')),
  )
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
}
