import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTokens } from '@votestream/gateway/tokens'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { type Client, createClient } from '../demo/client.js'
import { parseEnvironment, variablesForTests } from '../environment.js'
import { readProcessRecord } from '../process-record.js'
import { readSecrets } from '../secrets.js'
import { startSystem } from '../system.js'

export interface Person {
  readonly username: string
  readonly password: string
  readonly userId: string
  readonly token: string
}

/** The whole of `npm start` on free ports and a folder that goes with it, for a browser to look at. */
export interface TemporarySystem {
  readonly base: string
  readonly dataDir: string
  /** What the commands of this system are given. */
  readonly variables: NodeJS.ProcessEnv
  /** Of the private ports. */
  readonly metricsPorts: Readonly<Record<'gateway' | 'ingest' | 'processor', number>>
  /** `/metrics` of a service. */
  metricsOf(service: 'gateway' | 'ingest' | 'processor'): Promise<string>
  /** Of a process that runs. */
  pidOf(name: string): number
  /** As an analyst, of ClickHouse; lines of values apart by tabs. */
  analyse(sql: string): Promise<string>
  readonly client: Client
  readonly admin: Pick<Person, 'username' | 'password'>
  readonly applicationToken: string
  /** As a page's visitor has it. */
  makeViewerToken(ttlSeconds: number): string
  makePerson(username?: string): Promise<Person>
  /** Many who have a token and no password. */
  makeVoters(count: number): Promise<Pick<Person, 'userId' | 'token'>[]>
  /** Ends the gateway as a crash would; the supervisor starts it again. */
  killGateway(): void
  stop(): Promise<void>
}

const execute = promisify(execFile)

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

const PORTS = [
  'GATEWAY',
  'NATS',
  'REDIS',
  'CLICKHOUSE',
  'GATEWAY_METRICS',
  'INGEST_METRICS',
  'PROCESSOR_METRICS',
]

/** @param added for its services, beside those that make it temporary */
export const startTemporarySystem = async (added: NodeJS.ProcessEnv = {}): Promise<TemporarySystem> => {
  const folder = await mkdtemp(join(tmpdir(), 'votestream-page-'))
  const given: NodeJS.ProcessEnv = { DATA_DIR: folder, TOKEN_TTL: '1h' }
  for (const port of PORTS) given[`${port}_PORT`] = String(await freePort())
  const environment = parseEnvironment(given, folder)
  const system = await startSystem({
    root: repositoryRoot(),
    environment,
    signal: new AbortController().signal,
    variables: { ...variablesForTests(), ...added },
    say: () => undefined,
  })
  const secrets = await readSecrets(folder)
  if (!secrets) throw new Error('the system made no secrets')
  const ids = createOpaqueIds(secrets.idSecret)
  const tokens = createTokens({ secret: secrets.jwtSecret, ids, ttlSeconds: 3_600 })
  const applicationToken = tokens.issue({ scopes: ['accounts:register'] })
  const base = `http://127.0.0.1:${environment.GATEWAY_PORT}`
  const own = Object.entries(environment).map(([name, value]) => [name, String(value)])
  const variables: NodeJS.ProcessEnv = { ...variablesForTests(), ...added, ...Object.fromEntries(own) }
  const pidOf = (name: string): number => {
    const child = readProcessRecord(folder)?.children.find((each) => each.name === name)
    if (!child) throw new Error(`there is no ${name}`)
    return child.pid
  }
  const metricsPorts = {
    gateway: environment.GATEWAY_METRICS_PORT,
    ingest: environment.INGEST_METRICS_PORT,
    processor: environment.PROCESSOR_METRICS_PORT,
  }
  const client = createClient(base, 30_000)
  return {
    base,
    dataDir: folder,
    variables,
    metricsPorts,
    pidOf,
    async metricsOf(service) {
      return (await fetch(`http://127.0.0.1:${metricsPorts[service]}/metrics`)).text()
    },
    async analyse(sql) {
      const url = `http://127.0.0.1:${environment.CLICKHOUSE_PORT}/?query=${encodeURIComponent(sql)}`
      const login = Buffer.from(`analyst:${secrets.analystPassword}`).toString('base64')
      const response = await fetch(url, { headers: { authorization: `Basic ${login}` } })
      const text = (await response.text()).trim()
      if (!response.ok) throw new Error(text)
      return text
    },
    client,
    admin: { username: secrets.adminUsername, password: secrets.adminPassword },
    applicationToken,
    makeViewerToken: (ttlSeconds) => tokens.issue({ scopes: ['results:read'], ttlSeconds }),
    async makePerson(username = `p-${randomUUID().slice(0, 8)}`) {
      const password = randomUUID()
      const email = `${username}@example.org`
      await client.call('POST', '/v1/auth/register', {
        token: applicationToken,
        body: { username, password, email, date_of_birth: '1990-04-01' },
      })
      const login = await client.call<{ user_id: string; token: string }>('POST', '/v1/auth/login', {
        token: '',
        body: { username, password },
      })
      return { username, password, userId: login.user_id, token: login.token }
    },
    async makeVoters(count) {
      const command = join(repositoryRoot(), 'scripts/dist/src/token.js')
      const { stdout } = await execute(process.execPath, [command, '--voters', String(count)], {
        env: variables,
        maxBuffer: OUTPUT_BYTES_MAX,
      })
      return stdout
        .trim()
        .split('\n')
        .map((line) => {
          const { user_id: userId, token } = JSON.parse(line) as { user_id: string; token: string }
          return { userId, token }
        })
    },
    killGateway() {
      process.kill(pidOf('gateway'), 'SIGKILL')
    },
    async stop() {
      await system.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
