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
      ...{
        JWT_SECRET,
        ID_SECRET,
        LOG_LEVEL: 'silent',
        DRAIN_SECONDS: '0',
        USER_RATE_LIMIT: '10000',
        USER_RATE_BURST: '10000',
        ...variables,
      },
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
    for (const gateway of running()) await until(async () => (await listed(gateway)).includes(record.id))
    return { id: record.id, text }
  }
  /** The keys that a gateway knows of, told to their owner without one. */
  const listed = async (gateway: Gateway): Promise<string[]> => {
    const { data } = await graphql(gateway, '{ myApiKeys { id } }')
    return (data?.myApiKeys as { id: string }[] | undefined)?.map(({ id }) => id) ?? []
  }
  const usages = async (gateway: Gateway): Promise<{ limit: number; used: number; remaining: number }[]> => {
    const { data } = await graphql(gateway, '{ myApiKeys { usage { limit used remaining } } }')
    const keys = data?.myApiKeys as
      | { usage: { limit: number; used: number; remaining: number } }[]
      | undefined
    return (keys ?? []).map(({ usage }) => usage)
  }
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await pause(5)
  }
  const running = () => gateways.filter(({ child }) => child.exitCode === null && child.signalCode === null)
  const pair = (): [Gateway, Gateway] => {
    const [one, other] = running()
    assert.ok(one && other)
    return [one, other]
  }
  const assertUsedUp = ({ status, code, retryAfter }: Awaited<ReturnType<typeof ask>>): void => {
    assert.deepEqual([status, code], [429, 'QUOTA_EXCEEDED'])
    const seconds = Number(retryAfter)
    assert.ok(seconds > 0 && seconds <= DAY_SECONDS, `${retryAfter}`)
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

  it('admit exactly the quota together, request by request in turn, and name the renewal', async () => {
    const { text } = await issue()
    for (let request = 0; request < QUOTA; request += 1)
      assert.equal((await ask(pair()[request % 2] as Gateway, text)).status, 404)
    for (const gateway of pair()) {
      const refused = await ask(gateway, text)
      assertUsedUp(refused)
      const untilMidnight = DAY_SECONDS - ((Date.now() / 1_000) % DAY_SECONDS)
      assert.ok(Math.abs(Number(refused.retryAfter) - untilMidnight) < 5)
    }
  })

  it('admit exactly the quota together when all of it comes at once, by REST and by GraphQL', async () => {
    const [one, other] = pair()
    const { text } = await issue('large')
    let through = 0
    const burst = () =>
      Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const gateway = index % 2 ? one : other
          if (index % 4 < 2) return (await ask(gateway, text)).status === 404
          return (await graphql(gateway, '{ me { id } }', text)).status === 200
        }),
      )
    // What a gateway took ahead and does not need comes back within seconds, so none is lost.
    while (through < 200) through += (await burst()).filter(Boolean).length
    assert.equal(through, 200)
    await until(async () => {
      const [usage] = (await usages(one)).filter(({ limit }) => limit === 200)
      return usage?.used === 200 && usage.remaining === 0
    })
    assert.equal((await burst()).filter(Boolean).length, 0)
  })
  it('count each mutation of a document, and what is refused takes nothing', async () => {
    const [one] = pair()
    const { text } = await issue()
    const login = (index: number) => `l${index}: login(username: "nobody", password: "wrong") { token }`
    const logins = `mutation { ${Array.from({ length: 6 }, (_, index) => login(index)).join(' ')} }`
    assert.equal((await graphql(one, logins, text)).code, 'WRONG_CREDENTIALS')
    const refused = await graphql(one, logins, text)
    assert.deepEqual([refused.status, refused.code], [429, 'QUOTA_EXCEEDED'])
    for (let request = 6; request < QUOTA; request += 1) assert.equal((await ask(one, text)).status, 404)
    assertUsedUp(await ask(one, text))
  })

  it('let a socket show its key when it connects, or when it is opened', async () => {
    const [one] = pair()
    for (const byHeader of [true, false]) {
      const { text } = await issue()
      const headers = byHeader ? { 'x-api-key': text } : {}
      const socket = new WebSocket(`ws://127.0.0.1:${one.port}/graphql`, 'graphql-transport-ws', { headers })
      const messages: { type: string; id?: string; payload?: unknown }[] = []
      socket.on('message', (data) => messages.push(JSON.parse(String(data))))
      const closed = once(socket, 'close').then(([code]) => assert.fail(`closed with ${code}`))
      closed.catch(() => undefined)
      await once(socket, 'open')
      const payload = { authorization, ...(byHeader ? {} : { 'x-api-key': text }) }
      socket.send(JSON.stringify({ type: 'connection_init', payload }))
      await Promise.race([closed, until(async () => messages.length > 0)])
      for (let request = 0; request <= QUOTA; request += 1) {
        const query = '{ myApiKeys { id } }'
        socket.send(JSON.stringify({ type: 'subscribe', id: String(request), payload: { query } }))
        await Promise.race([closed, until(async () => messages.some(({ id }) => id === String(request)))])
      }
      const kinds = messages.filter(({ id }) => id !== undefined)
      const served = kinds.filter(({ type }) => type === 'next')
      assert.equal(served.length, QUOTA)
      const refusal = kinds.find(({ type }) => type === 'error') as {
        payload: { extensions: { code: string } }[]
      }
      assert.equal(refusal.payload[0]?.extensions.code, 'QUOTA_EXCEEDED')
      socket.terminate()
    }
  })

  it('refuse a key that is unknown or revoked, on all ways in, also where none is required', async () => {
    const { id, text } = await issue()
    assert.equal((await ask(pair()[0], text)).status, 404)
    await plans.revokeKey(id)
    for (const gateway of pair()) {
      await until(async () => (await ask(gateway, text)).status === 403)
      assert.equal((await ask(gateway, text)).code, 'API_KEY_INVALID')
      assert.deepEqual(await graphql(gateway, '{ me { id } }', text), {
        ...{ status: 403, data: undefined, code: 'API_KEY_INVALID' },
      })
      assert.equal((await ask(gateway, 'vsk_no')).code, 'API_KEY_INVALID')
      assert.equal((await ask(gateway)).status, 404)
    }
  })

  it('ask for a key where one is required, and show its usage to whoever has it', async () => {
    const strict = await start({ API_KEY_REQUIRED: 'true' })
    const { text } = await plans.createKey({
      plan: 'partner',
      owner: { kind: 'application', name: 'The app' },
    })
    await until(async () => (await ask(strict, text)).status === 404)
    const [missing, asked] = [await ask(strict), await graphql(strict, '{ me { id } }')]
    assert.deepEqual([missing.status, missing.code], [403, 'API_KEY_REQUIRED'])
    assert.deepEqual([asked.status, asked.code], [403, 'API_KEY_REQUIRED'])
    const { data } = await graphql(strict, '{ myApiKeys { application usage { used remaining } } }', text)
    const shown = data?.myApiKeys as { application: string | null; usage: { used: number } }[] | undefined
    const [own] = shown?.filter(({ application }) => application === 'The app') ?? []
    assert.deepEqual(own?.usage, { used: 2, remaining: QUOTA - 2 })
    await stop(strict)
  })

  it('remember what was used when they were stopped, and when they were killed', async () => {
    const { text } = await issue()
    const [one, other] = pair()
    for (let request = 0; request < QUOTA - 1; request += 1)
      assert.equal((await ask(request % 2 ? one : other, text)).status, 404)
    await Promise.all([stop(one), stop(other, 'SIGKILL')])
    const [third, fourth] = await Promise.all([start(), start()])
    assert.equal((await ask(third, text)).status, 404)
    for (const gateway of [third, fourth]) assertUsedUp(await ask(gateway, text))
  })
})
