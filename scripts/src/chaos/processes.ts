import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Identity } from '@votestream/infra/access/identities'
import { clickHouseServerSpec } from '@votestream/infra/servers/clickhouse-server'
import { findServer } from '@votestream/infra/servers/find-server'
import { freePort } from '@votestream/infra/servers/free-port'
import { natsServerSpec } from '@votestream/infra/servers/nats-server'
import { redisServerSpec } from '@votestream/infra/servers/redis-server'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { ServerSpec } from '@votestream/infra/servers/server-process'
import { natsRequirement, redisRequirement } from '@votestream/infra/servers/server-source'
import { mountSmallDisk, type SmallDisk } from '@votestream/infra/servers/small-disk'
import { type Addresses, addressesOf } from '../addresses.js'
import { type Environment, parseEnvironment, variablesForTests } from '../environment.js'
import { createProcessRecord } from '../process-record.js'
import { ensureSecrets, type Secrets } from '../secrets.js'
import {
  type Credentials,
  credentialsOf,
  type NodeProgram,
  serviceSpec,
  serviceVariables,
  taskSpec,
} from '../service-specs.js'
import { operatorAddressesOf } from '../store-logins.js'
import { ensureStorePasswords } from '../store-passwords.js'
import { createSupervisor, type Supervisor, type SupervisorEvent } from '../supervisor.js'
import { type Clocks, createClocks } from './clocks.js'
import { type Kind, PROXIED, type Proxied } from './schedule.js'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js'

/** Which processes there are; two of each service, so that leases move and stale owners wake up. */
export const INSTANCES: Readonly<Record<Kind, readonly string[]>> = {
  gateway: ['gateway-0', 'gateway-1'],
  ingest: ['ingest-0', 'ingest-1'],
  processor: ['processor-0', 'processor-1'],
  nats: ['nats'],
  redis: ['redis'],
  clickhouse: ['clickhouse'],
}

export interface ChaosSystem {
  readonly environment: Environment
  readonly secrets: Secrets
  readonly gatewayUrls: readonly string[]
  /** Past the proxies: for whoever judges. */
  readonly direct: ReturnType<typeof operatorAddressesOf> & Pick<Addresses, 'clickHouseUrl'>
  readonly proxies: Readonly<Record<Proxied, TcpProxy>>
  /** Undefined where mounting is not permitted. */
  readonly disks: Readonly<Record<Proxied, SmallDisk | undefined>>
  readonly clocks: Clocks
  readonly natsDataDir: string
  readonly redisDataDir: string
  /** Sends a signal, if the process runs at the moment. @returns a way to send a second one to the same process. */
  signal(name: string, signal: NodeJS.Signals): (signal: NodeJS.Signals) => void
  /** The processes that do not work at the moment. */
  notReady(): Promise<string[]>
  stop(): Promise<void>
}

/** Quick, because what is measured is the services' recovery; still with backoff. */
const RESTART_POLICY = { firstDelayMs: 250, delayMsMax: 1_000, ranWellMs: 5_000 }
const STOP_WITHIN_MS = 12_000
/** Far more than a run of hours needs; a file system in memory takes only what is on it. */
const DISK_BYTES: Readonly<Record<Proxied, number>> = {
  nats: 384 * 1024 ** 2,
  redis: 256 * 1024 ** 2,
  clickhouse: 512 * 1024 ** 2,
}

/** Everything that `npm start` starts, on free ports, and the services twice. Nothing is left when it throws. */
export const startChaosSystem = async (
  folder: string,
  onEvent: (event: SupervisorEvent) => void,
): Promise<ChaosSystem> => {
  const environment = await ownEnvironment(folder)
  const secrets = await ensureSecrets(folder)
  const credentials = credentialsOf(environment, secrets, await ensureStorePasswords(folder))
  const record = createProcessRecord(folder)
  const pids = new Map<string, number>()
  const supervisor = createSupervisor({
    policy: RESTART_POLICY,
    stopWithinMs: STOP_WITHIN_MS,
    onEvent,
    onChildren: (children) => {
      pids.clear()
      for (const { name, pid } of children) pids.set(name, pid)
      record.write(children)
    },
  })
  const proxies = {
    nats: await startTcpProxy(environment.NATS_PORT),
    redis: await startTcpProxy(environment.REDIS_PORT),
    clickhouse: await startTcpProxy(environment.CLICKHOUSE_PORT),
  }
  const disks = disksOf(folder)
  const clocks = createClocks(join(folder, 'clocks'))
  const stop = async () => {
    // A process that is stopped would not hear that it shall end.
    for (const pid of pids.values()) send(pid, 'SIGCONT')
    await supervisor.stop()
    await Promise.all(Object.values(proxies).map((proxy) => proxy.close()))
    record.remove()
    for (const disk of Object.values(disks)) disk?.unmount()
  }
  let running: Awaited<ReturnType<typeof startProcesses>>
  try {
    running = await startProcesses({ supervisor, environment, credentials, proxies, clocks })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    environment,
    secrets,
    gatewayUrls: running.gatewayUrls,
    direct: {
      ...operatorAddressesOf(environment, addressesOf(environment), credentials.stores),
      clickHouseUrl: addressesOf(environment).clickHouseUrl,
    },
    proxies,
    disks,
    clocks,
    natsDataDir: join(folder, 'nats'),
    redisDataDir: join(folder, 'redis'),
    signal(name, signal) {
      const pid = pids.get(name)
      if (pid === undefined) return () => undefined
      send(pid, signal)
      return (next) => send(pid, next)
    },
    async notReady() {
      const answers = await Promise.all(running.specs.map((spec) => spec.isReady().catch(() => false)))
      return running.specs.flatMap(({ name }, index) => (answers[index] && pids.has(name) ? [] : [name]))
    },
    stop,
  }
}

const send = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone already.
  }
}

const ownEnvironment = async (folder: string): Promise<Environment> => {
  const variables: NodeJS.ProcessEnv = { DATA_DIR: folder }
  for (const name of ['NATS', 'REDIS', 'CLICKHOUSE']) variables[`${name}_PORT`] = String(await freePort())
  return parseEnvironment(variables, folder)
}

const disksOf = (folder: string): ChaosSystem['disks'] => {
  const [nats, redis, clickhouse] = PROXIED.map((name) =>
    mountSmallDisk(join(folder, name), DISK_BYTES[name]),
  )
  return { nats, redis, clickhouse }
}

interface Starting extends Pick<ChaosSystem, 'environment' | 'proxies' | 'clocks'> {
  readonly supervisor: Supervisor
  readonly credentials: Credentials
}

const startProcesses = async ({ supervisor, environment, credentials, proxies, clocks }: Starting) => {
  const logFolder = join(environment.DATA_DIR, 'logs')
  mkdirSync(logFolder, { recursive: true })
  const programOf = (identity: Identity): NodeProgram => ({
    root: repositoryRoot(),
    logFolder,
    env: {
      ...serviceVariables(identity, environment, credentials, variablesForTests()),
      NATS_URL: `nats://127.0.0.1:${proxies.nats.port}`,
      REDIS_URL: `redis://127.0.0.1:${proxies.redis.port}`,
      CLICKHOUSE_URL: `http://127.0.0.1:${proxies.clickhouse.port}`,
    },
  })
  const servers = await serverSpecs(environment, credentials, logFolder)
  await Promise.all(servers.map((spec) => supervisor.start(spec)))
  await supervisor.run(taskSpec('migrate', 'scripts/dist/src/migrate.js', programOf('operator')))
  const services: ServerSpec[] = []
  for (const service of ['ingest', 'processor'] as const) {
    for (const name of INSTANCES[service]) {
      services.push(clocks.settable(serviceSpec(service, await freePort(), programOf(service), name)))
    }
  }
  const gateways = await gatewaySpecs(programOf('gateway'), clocks)
  services.push(...gateways.map(({ spec }) => spec))
  // The first of each makes what is missing; two at once would be a start that nobody does.
  for (const spec of services) await supervisor.start(spec)
  return { specs: [...servers, ...services], gatewayUrls: gateways.map(({ url }) => url) }
}

const gatewaySpecs = (program: NodeProgram, clocks: Clocks) =>
  Promise.all(
    INSTANCES.gateway.map(async (name) => {
      const port = await freePort()
      const own = { ...program, env: { ...program.env, GATEWAY_PORT: String(port) } }
      return {
        url: `http://127.0.0.1:${port}`,
        spec: clocks.settable(serviceSpec('gateway', await freePort(), own, name)),
      }
    }),
  )

const serverSpecs = async (
  environment: Environment,
  { clickHouseUser, clickHousePassword, analystPassword, stores }: Credentials,
  logFolder: string,
): Promise<ServerSpec[]> => {
  const access = { passwords: stores.nats, shards: environment.SHARDS }
  const { DATA_DIR, NATS_PORT, REDIS_PORT, CLICKHOUSE_PORT } = environment
  const place = (name: string, port: number) => ({
    port,
    dataDir: join(DATA_DIR, name),
    logFile: join(logFolder, `${name}.log`),
    detached: true,
  })
  const nats = await findServer(natsRequirement)
  const redis = await findServer(redisRequirement)
  return [
    { ...(await natsServerSpec({ ...place('nats', NATS_PORT), binary: nats, access })), name: 'nats' },
    {
      ...(await redisServerSpec({
        ...place('redis', REDIS_PORT),
        binary: redis,
        passwords: stores.redis,
      })),
      name: 'redis',
    },
    await clickHouseServerSpec({
      ...place('clickhouse', CLICKHOUSE_PORT),
      username: clickHouseUser,
      password: clickHousePassword,
      ...(analystPassword === undefined ? {} : { analystPassword }),
      servicePasswords: stores.clickhouse,
    }),
  ]
}
