import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { freePort } from '@votestream/infra/servers/free-port'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { openPlanBuckets } from '@votestream/infra/streams'
import { voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { USER_SCOPES } from '@votestream/schema/scopes'
import WebSocket from 'ws'
import { createUsagePlans, type UsagePlans } from '../../src/admission/usage-plans.js'
import { createStore } from '../../src/store.js'
import { createTokens } from '../../src/tokens.js'

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const JWT_SECRET = 'a secret for the tests of quotas, long enough'
const ID_SECRET = 'another secret for the tests of quotas, long too'
const QUOTA = 10
const OWNER = voterNumber(7)
const DAY_SECONDS = 86_400

interface Gateway {
  readonly port: number
  readonly metricsPort: number
  readonly child: ChildProcess
}

describe('API keys over several gateways', function () {
  this.timeout(120_000)
  let servers: TestServers
  let nats: Nats
  let plans: UsagePlans
  const gateways: Gateway[] = []
  const ids = createOpaqueIds(ID_SECRET)
  const tokens = createTokens({ secret: JWT_SECRET, ids, ttlSeconds: 3_600 })
  const authorization = `Bearer ${tokens.issue({ voter: OWNER, scopes: USER_SCOPES })}`
  const anyEvent = ids.eventId(1 as never)

  const start = async (variables: NodeJS.ProcessEnv = {}): Promise<Gateway> => {
    const [port, metricsPort] = [await freePort(), await freePort()]
    const env = {
      ...process.env,
      NATS_URL: servers.get('nats').url,
      REDIS_URL: servers.get('redis').url,
      GATEWAY_PORT: String(port),
      GATEWAY_METRICS_PORT: String(metricsPort),
      ...{ JWT_SECRET, ID_SECRET, LOG_LEVEL: 'silent', DRAIN_SECONDS: '0', ...variables },
    }
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'inherit', 'inherit'] })
    const gateway = { port, metricsPort, child }
    gateways.push(gateway)
    const ready = () => fetch(`http://127.0.0.1:${metricsPort}/readyz`).then(({ ok }) => ok)
    while (!(await ready().catch(() => false))) await pause(20)
    return gateway
  }
  const stop = async ({ child }: Gateway, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  /** A request that is answered with 404 when it is let through: there is no such event. */
  const ask = async ({ port }: Gateway, key?: string, path = `/v1/contestants/${anyEvent}`) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { authorization, ...(key === undefined ? {} : { 'x-api-key': key }) },
    })
    const body = (await response.json()) as { code?: string }
    return { status: response.status, code: body.code, retryAfter: response.headers.get('retry-after') }
  }
  const graphql = async ({ port }: Gateway, query: string, key?: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: {
        ...{ authorization, 'content-type': 'application/json' },
        ...(key === undefined ? {} : { 'x-api-key': key }),
      },
      body: JSON.stringify({ query }),
    })
    const { data, errors } = (await response.json()) as {
      data?: Record<string, never>
      errors?: { extensions: { code: string } }[]
    }
    return { status: response.status, data, code: errors?.[0]?.extensions.code }
  }
  const issue = async (plan = 'partner'): Promise<{ id: string; text: string }> => {
    const { record, text } = await plans.createKey({ plan, owner: { kind: 'user', voter: OWNER } })
    return { id: record.id, text }
  }
  /** Without touching its quota. */
  const known = async (key: string, at: readonly Gateway[] = gateways): Promise<void> => {
    for (const gateway of at)
      while ((await graphql(gateway, '{ __typename }', key)).code === 'API_KEY_INVALID') await pause(5)
  }

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    nats = await connectNats({
      url: servers.get('nats').url,
      name: 'test',
      logger: createLogger('test', 'silent'),
    })
    const { usagePlans } = await openPlanBuckets(nats, 1)
    plans = createUsagePlans({ bucket: usagePlans, store: createStore(nats), now: Date.now })
    const generous = { ratePerSecond: 10_000, burst: 1_000 }
    await plans.createPlan({ name: 'partner', ...generous, quota: { limit: QUOTA, period: 'day' } })
    await plans.createPlan({ name: 'large', ...generous, quota: { limit: 200, period: 'day' } })
    await Promise.all([start(), start()])
  })
  after(async () => {
    await Promise.all(gateways.map((gateway) => stop(gateway)))
    await nats?.close()
    await servers?.stop()
  })
})
