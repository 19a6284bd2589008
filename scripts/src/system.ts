import { accessSync, chmodSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Identity } from '@votestream/infra/access/identities'
import { clickHouseServerSpec } from '@votestream/infra/servers/clickhouse-server'
import { findServer } from '@votestream/infra/servers/find-server'
import { natsServerSpec } from '@votestream/infra/servers/nats-server'
import { redisServerSpec } from '@votestream/infra/servers/redis-server'
import { describeExit, logTail, type ServerSpec } from '@votestream/infra/servers/server-process'
import { natsRequirement, redisRequirement } from '@votestream/infra/servers/server-source'
import { type Addresses, addressesOf, addressTable, privateHost } from './addresses.js'
import { createDemoEvent, hasEvents } from './demo-event.js'
import { ensureDiagnosticsToken } from './diagnostics/token.js'
import type { Environment } from './environment.js'
import { rotateLog, watchLogs } from './log-files.js'
import { findTakenPorts, portsOf, sharedPortSentence, takenPortsSentence } from './ports.js'
import { createProcessRecord, endLeftovers, isRunning, readProcessRecord } from './process-record.js'
import { checkIdSecret, ensureSecrets, type Secrets, secretsFile, writeSecrets } from './secrets.js'
import { type Credentials, credentialsOf, serviceSpec, serviceVariables, taskSpec } from './service-specs.js'
import { operatorAddressesOf } from './store-logins.js'
import { ensureStorePasswords } from './store-passwords.js'
import { defaultRestartPolicy } from './supervision.js'
import { createSupervisor, type Supervisor, type SupervisorEvent } from './supervisor.js'

export interface SystemOptions {
  readonly root: string
  readonly environment: Environment
  /** What the children inherit. */
  readonly variables: NodeJS.ProcessEnv
  /** Aborted when a person wants it to end, also in the middle of the start. */
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

export interface RunningSystem {
  stop(): Promise<void>
}

/** Everything is gone within ten seconds of a signal; one of them is for what surrounds the children. */
const stopWithinMs = 9_000
/** A drain that is longer than this, by which the live viewers are spread over other gateways, takes longer. */
const drainSecondsIncluded = 1
const logLookIntervalMs = 1_000

/**
 * Starts everything in order and returns once it is ready. When a step fails, or the signal comes, what was
 * started is stopped in reverse order before this throws.
 *
 * If this process is killed: before the first child, nothing has happened. Later, the record in the data
 * folder names the children, and the next start ends them first. The secrets are on disk before any child
 * sees them. Migrations and the demo event are looked at anew by every start.
 */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const { environment, say } = options
  const dataDir = environment.DATA_DIR
  makeFolder(dataDir)
  await clearTheWay(environment, say)

  const logs = new Map<string, string>()
  const record = createProcessRecord(dataDir)
  record.write([])
  const supervisor = createSupervisor({
    policy: defaultRestartPolicy,
    stopWithinMs: stopWithinMs + drainsMoreMs(options.environment),
    onEvent: (event) => {
      const line = describeEvent(event)
      say(line)
      const log = logs.get(event.name)
      if (event.kind === 'died' && log !== undefined) void sayLastWords(event.name, log, say)
    },
    onChildren: (children) => record.write(children),
  })
  const stopOnSignal = () => void supervisor.stop()
  options.signal.addEventListener('abort', stopOnSignal, { once: true })
  const stop = async () => {
    options.signal.removeEventListener('abort', stopOnSignal)
    await supervisor.stop()
    record.remove()
  }
  try {
    await startEverything({ ...options, supervisor, logs })
  } catch (error) {
    await stop()
    throw error
  }
  const watch = watchLogs(logs, {
    intervalMs: logLookIntervalMs,
    onLine: (name, line) => say(`  ${name}: ${line}`),
  })
  say('Votestream is ready')
  return {
    async stop() {
      watch.stop()
      await stop()
    },
  }
}

const drainsMoreMs = ({ DRAIN_SECONDS }: Environment): number =>
  Math.max(0, DRAIN_SECONDS - drainSecondsIncluded) * 1_000

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(join(dataDir, 'logs'), { recursive: true })
    accessSync(dataDir, constants.W_OK)
    // Secrets, accounts and votes: nobody else on this machine has any business in it.
    chmodSync(dataDir, 0o700)
  } catch (cause) {
    throw new Error(`The folder ${dataDir} cannot be made or written: set DATA_DIR to another one.`, {
      cause,
    })
  }
}

/** Ends what a killed start left behind, and throws one sentence when something else is in the way. */
async function clearTheWay(environment: Environment, say: (line: string) => void): Promise<void> {
  const uses = portsOf(environment)
  const shared = sharedPortSentence(uses)
  if (shared !== undefined) throw new Error(shared)
  const before = readProcessRecord(environment.DATA_DIR)
  const alive = before !== undefined && isRunning(before.supervisor)
  if (before !== undefined && !alive) {
    await endLeftovers(before, ({ name, pid }) =>
      say(`Ending ${name} (${pid}), left by a start that was killed.`),
    )
  }
  const sentence = takenPortsSentence(await findTakenPorts(uses))
  if (sentence !== undefined) throw new Error(sentence)
  if (alive) {
    const { DATA_DIR } = environment
    throw new Error(
      `Process ${before.supervisor.pid} already runs on ${DATA_DIR}: set DATA_DIR to another folder.`,
    )
  }
}

interface StartContext extends SystemOptions {
  readonly supervisor: Supervisor
  readonly logs: Map<string, string>
}

async function startEverything(context: StartContext): Promise<void> {
  const { environment, root, supervisor, say } = context
  const { ID_SECRET: idSecret } = environment
  const secrets = await ensureSecrets(environment.DATA_DIR, idSecret === undefined ? {} : { idSecret })
  const passwords = await ensureStorePasswords(environment.DATA_DIR)
  const diagnosticsToken = await ensureDiagnosticsToken(environment)
  const credentials = credentialsOf(environment, secrets, passwords, diagnosticsToken)
  checkIdSecret(secrets, credentials.idSecret)
  const addresses = addressesOf(environment)
  await startServers(context, credentials)

  const logFolder = join(environment.DATA_DIR, 'logs')
  const programOf = (identity: Identity) => ({
    root,
    logFolder,
    perfMaps: environment.PERF_MAPS,
    env: serviceVariables(identity, environment, credentials, context.variables),
  })
  const migrate = taskSpec('migrate', 'scripts/dist/src/migrate.js', programOf('operator'))
  await supervisor.run(logged(context, migrate))
  const start = (spec: ServerSpec) => supervisor.start(logged(context, spec))
  await start(serviceSpec('ingest', environment.INGEST_METRICS_PORT, programOf('ingest')))
  await start(serviceSpec('processor', environment.PROCESSOR_METRICS_PORT, programOf('processor')))
  const gateway = serviceSpec('gateway', environment.GATEWAY_METRICS_PORT, programOf('gateway'))
  await start({ ...gateway, stopTimeoutMs: gateway.stopTimeoutMs + drainsMoreMs(environment) })

  const demoEvent = await demoEventOf(context, addresses, credentials)
  say('')
  say(
    addressTable({
      ...addresses,
      metricsHost: privateHost(context.variables),
      metricsPorts: [
        environment.GATEWAY_METRICS_PORT,
        environment.INGEST_METRICS_PORT,
        environment.PROCESSOR_METRICS_PORT,
      ],
      dataDir: environment.DATA_DIR,
      analystPassword: credentials.analystPassword,
      admin: adminRow(environment, credentials, secrets),
      demoEvent,
    }),
  )
  say('')
  // If the process dies between the lines above and this, the login is shown once more: better than never.
  if (!secrets.adminLoginShown) {
    await writeSecrets(environment.DATA_DIR, { ...secrets, adminLoginShown: true })
  }
}

/** A password that a person chose is not printed: they have it. */
function adminRow(environment: Environment, credentials: Credentials, secrets: Secrets): string {
  if (environment.ADMIN_PASSWORD !== undefined) return 'as set by ADMIN_USERNAME and ADMIN_PASSWORD'
  const file = secretsFile(environment.DATA_DIR)
  if (secrets.adminLoginShown) return `login kept in ${file}`
  const { adminUsername, adminPassword } = credentials
  return `user ${adminUsername}, password ${adminPassword}   (shown this once; kept in ${file})`
}

async function startServers(context: StartContext, credentials: Credentials): Promise<void> {
  const { environment, supervisor, say, signal } = context
  const dataFolder = (name: string) => join(environment.DATA_DIR, name)
  const logFile = (name: string) => join(environment.DATA_DIR, 'logs', `${name}.log`)
  const find = { onProgress: say, signal }
  const start = (spec: ServerSpec) => supervisor.start(logged(context, spec))
  if (environment.NATS_URL === undefined) {
    const binary = await findServer(natsRequirement, find)
    const place = { port: environment.NATS_PORT, dataDir: dataFolder('nats'), logFile: logFile('nats') }
    const access = { passwords: credentials.stores.nats, shards: environment.SHARDS }
    await start(await natsServerSpec({ ...place, binary, access, detached: true }))
  }
  if (environment.REDIS_URL === undefined) {
    const binary = await findServer(redisRequirement, find)
    const place = { port: environment.REDIS_PORT, dataDir: dataFolder('redis'), logFile: logFile('redis') }
    const passwords = credentials.stores.redis
    await start(await redisServerSpec({ ...place, binary, passwords, detached: true }))
  }
  if (environment.CLICKHOUSE_URL === undefined) {
    const { clickHouseUser, clickHousePassword, analystPassword } = credentials
    await start(
      await clickHouseServerSpec({
        port: environment.CLICKHOUSE_PORT,
        dataDir: dataFolder('clickhouse'),
        logFile: logFile('clickhouse'),
        username: clickHouseUser,
        password: clickHousePassword,
        ...(analystPassword === undefined ? {} : { analystPassword }),
        servicePasswords: credentials.stores.clickhouse,
        detached: true,
      }),
    )
  }
}

const demoEventFile = 'demo-event.json'

/** Made on an empty system; remembered, so that every start can show it. */
async function demoEventOf(context: StartContext, addresses: Addresses, credentials: Credentials) {
  const file = join(context.environment.DATA_DIR, demoEventFile)
  const { nats } = operatorAddressesOf(context.environment, addresses, credentials.stores)
  if (!(await hasEvents(nats))) {
    const made = await createDemoEvent({
      gatewayUrl: addresses.gatewayUrl,
      username: credentials.adminUsername,
      password: credentials.adminPassword,
    })
    // If the process dies before this is written, the event exists and is merely not shown.
    writeFileSync(file, JSON.stringify(made))
    return made
  }
  try {
    const { id, name } = JSON.parse(readFileSync(file, 'utf8'))
    return { id: String(id), name: String(name) }
  } catch {
    return undefined
  }
}

function logged(context: StartContext, spec: ServerSpec): ServerSpec {
  rotateLog(spec.logFile)
  context.logs.set(spec.name, spec.logFile)
  return spec
}

/** Why a child died mostly stands at the end of its log. */
async function sayLastWords(name: string, logFile: string, say: (line: string) => void): Promise<void> {
  const lines = (await logTail(logFile, 0, lastWordsBytesMax)).split('\n').slice(-lastWordsLinesMax)
  for (const line of lines) say(`  ${name}: ${line}`)
}

const lastWordsBytesMax = 1_000
const lastWordsLinesMax = 5

function describeEvent(event: SupervisorEvent): string {
  switch (event.kind) {
    case 'ready':
      return `  ${event.name} is ready (pid ${event.pid}, ${(event.tookMs / 1000).toFixed(1)} s)`
    case 'died':
      return `${event.name} (pid ${event.pid}) died: ${describeExit(event.exit)}. Restarting in ${event.delayMs} ms.`
    case 'restart-failed':
      return `${event.name} did not start again. Next try in ${event.delayMs} ms. ${event.reason}`
    case 'restarted':
      return `${event.name} is ready again (pid ${event.pid})`
    case 'stopped':
      // An exit code says nothing here: nats-server ends with 1 when it is told to.
      return `  ${event.name} ${event.exit.signal === 'SIGKILL' ? 'had to be killed' : 'stopped'}`
  }
}
