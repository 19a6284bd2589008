import { join } from 'node:path'
import {
  CLICKHOUSE_SERVICES,
  IDENTITIES,
  type Identity,
  passwordVariable,
} from '@votestream/infra/access/identities'
import { withoutSecrets } from '@votestream/infra/servers/inherited-environment'
import type { ServerSpec } from '@votestream/infra/servers/server-process'
import { type Addresses, addressesOf, privateHost } from './addresses.js'
import type { Environment } from './environment.js'
import { type Secrets, secretsFile } from './secrets.js'
import { clickhouseLogin, storeLogin } from './store-logins.js'
import type { StorePasswords } from './store-passwords.js'

/** A secret that the environment names goes before the one that was made at the first start. */
export interface Credentials {
  readonly jwtSecret: string
  readonly idSecret: string
  readonly adminUsername: string
  readonly adminPassword: string
  readonly clickHouseUser: string
  readonly clickHousePassword: string
  /** Undefined where ClickHouse is not ours: its accounts are not ours to know. */
  readonly analystPassword: string | undefined
  /** Of the servers that are ours. */
  readonly stores: StorePasswords
  /** Undefined: services show no profiles. */
  readonly diagnosticsToken?: string | undefined
}

export function credentialsOf(
  environment: Environment,
  secrets: Secrets,
  made: StorePasswords,
  diagnosticsToken?: string,
): Credentials {
  const ownClickHouse = environment.CLICKHOUSE_URL === undefined
  return {
    jwtSecret: environment.JWT_SECRET ?? secrets.jwtSecret,
    idSecret: environment.ID_SECRET ?? secrets.idSecret,
    adminUsername: environment.ADMIN_USERNAME ?? secrets.adminUsername,
    adminPassword: environment.ADMIN_PASSWORD ?? secrets.adminPassword,
    clickHouseUser: environment.CLICKHOUSE_USER,
    clickHousePassword: environment.CLICKHOUSE_PASSWORD ?? (ownClickHouse ? secrets.clickHousePassword : ''),
    analystPassword: ownClickHouse
      ? (environment.CLICKHOUSE_ANALYST_PASSWORD ?? secrets.analystPassword)
      : undefined,
    stores: {
      nats: chosen('NATS', IDENTITIES, environment, made.nats),
      redis: chosen('REDIS', IDENTITIES, environment, made.redis),
      clickhouse: chosen('CLICKHOUSE', CLICKHOUSE_SERVICES, environment, made.clickhouse),
    },
    diagnosticsToken,
  }
}

const chosen = <Name extends Identity>(
  store: 'NATS' | 'REDIS' | 'CLICKHOUSE',
  names: readonly Name[],
  environment: Environment,
  made: Readonly<Record<Name, string>>,
): Record<Name, string> =>
  // Every name is a key of it.
  Object.fromEntries(
    names.map((name) => [name, environment[passwordVariable(store, name)] ?? made[name]]),
  ) as Record<Name, string>

/**
 * The variables of a service, or of a command: what this process was given, with every address and default filled in;
 * and of the secrets those alone that are its business.
 */
export function serviceVariables(
  identity: Identity,
  environment: Environment,
  credentials: Credentials,
  inherited: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const { natsUrl, redisUrl, clickHouseUrl }: Addresses = addressesOf(environment)
  return {
    ...withoutSecrets(inherited),
    NATS_URL: natsUrl,
    REDIS_URL: redisUrl,
    CLICKHOUSE_URL: clickHouseUrl,
    ...storeVariables(identity, environment, credentials),
    DATA_DIR: environment.DATA_DIR,
    SHARDS: String(environment.SHARDS),
    LOG_LEVEL: environment.LOG_LEVEL,
    TOKEN_TTL: environment.TOKEN_TTL,
    ...secretVariables(identity, environment, credentials),
    GATEWAY_PORT: String(environment.GATEWAY_PORT),
    GATEWAY_WORKERS: String(environment.GATEWAY_WORKERS),
    GATEWAY_METRICS_PORT: String(environment.GATEWAY_METRICS_PORT),
    INGEST_METRICS_PORT: String(environment.INGEST_METRICS_PORT),
    PROCESSOR_METRICS_PORT: String(environment.PROCESSOR_METRICS_PORT),
  }
}

const secretVariables = (
  identity: Identity,
  { JWT_SECRET, DATA_DIR }: Environment,
  credentials: Credentials,
): NodeJS.ProcessEnv => ({
  ...(identity !== 'operator' && { DIAGNOSTICS_TOKEN: credentials.diagnosticsToken ?? '' }),
  ...(identity === 'gateway' && {
    JWT_SECRET: credentials.jwtSecret,
    // Keys that we made may be exchanged while gateways run (`npm run keys -- rotate`).
    ...(JWT_SECRET === undefined && { JWT_SECRETS_FILE: secretsFile(DATA_DIR) }),
    ADMIN_USERNAME: credentials.adminUsername,
    ADMIN_PASSWORD: credentials.adminPassword,
  }),
  // The archive's catalog names events as the gateway does.
  ...((identity === 'gateway' || identity === 'processor') && { ID_SECRET: credentials.idSecret }),
})

/** An empty variable counts as unset: what is inherited for one identity is not another's. */
const storeVariables = (
  identity: Identity,
  environment: Environment,
  { stores: made, clickHousePassword: ownerPassword }: Credentials,
): NodeJS.ProcessEnv => {
  const nats = storeLogin('nats', identity, environment, made)
  const redis = storeLogin('redis', identity, environment, made)
  const clickhouse =
    identity === 'ingest' ? undefined : clickhouseLogin(identity, environment, { made, ownerPassword })
  return {
    NATS_USER: nats.user ?? '',
    NATS_PASSWORD: nats.password ?? '',
    REDIS_USER: redis.user ?? '',
    REDIS_PASSWORD: redis.password ?? '',
    CLICKHOUSE_USER: clickhouse?.user ?? '',
    CLICKHOUSE_PASSWORD: clickhouse?.password ?? '',
  }
}

export interface NodeProgram {
  readonly root: string
  readonly logFolder: string
  readonly env: NodeJS.ProcessEnv
  /** Where each program leaves, when it ends, what it did with its processor time: `NAME.cpuprofile`, of V8. */
  readonly profileFolder?: string | undefined
  /** See `PERF_MAP_OPTIONS`. */
  readonly perfMaps?: boolean
}

/**
 * V8 writes the names and addresses of its functions to `/tmp/perf-PID.map`, and gives functions that it interprets frames
 * of their own: so `perf` and eBPF tools name them. The file grows for as long as the process runs.
 */
const PERF_MAP_OPTIONS = [
  '--perf-basic-prof',
  '--interpreted-frames-native-stack',
  // What V8 logs besides, nobody reads: a temporary file, instead of one in the working folder.
  '--no-logfile-per-isolate',
  '--logfile=+',
]

/**
 * A service is ready when its private port says so: it holds its leases or waits for them, and is connected.
 * One that runs more than once has a name and a private port for each instance.
 */
export function serviceSpec(
  service: 'ingest' | 'processor' | 'gateway',
  metricsPort: number,
  program: NodeProgram,
  instance: string = service,
): ServerSpec {
  const own = {
    // The name outlives the process: after a crash its leases are taken again without waiting for them to end.
    INSTANCE_NAME: instance,
    [`${service.toUpperCase()}_METRICS_PORT`]: String(metricsPort),
  }
  return {
    ...nodeSpec(instance, `${service}/dist/src/main.js`, { ...program, env: { ...program.env, ...own } }),
    isReady: async () => {
      const url = `http://${privateHost(program.env)}:${metricsPort}/readyz`
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
      await response.arrayBuffer()
      return response.status === 200
    },
  }
}

/** A program of ours that runs to its end. */
export function taskSpec(name: string, file: string, program: NodeProgram): ServerSpec {
  return { ...nodeSpec(name, file, program), isReady: async () => true }
}

function nodeSpec(name: string, file: string, program: NodeProgram) {
  const { root, logFolder, env, profileFolder, perfMaps = false } = program
  const profiling = profileFolder
    ? ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${name}.cpuprofile`]
    : []
  return {
    name,
    command: process.execPath,
    // Requests outlive the collections of a small young generation while they wait for their batch: with this a vote costs
    // 7 % less, over all services.
    args: [
      ...profiling,
      ...(perfMaps ? PERF_MAP_OPTIONS : []),
      '--enable-source-maps',
      '--max-semi-space-size=32',
      join(root, file),
    ],
    env,
    cwd: root,
    logFile: join(logFolder, `${name}.log`),
    readyTimeoutMs: 120_000,
    stopTimeoutMs: 5_000,
    detached: true,
  }
}
