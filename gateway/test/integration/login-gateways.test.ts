import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createLogger } from '@votestream/infra/logging'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { freePort } from '@votestream/infra/servers/free-port'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { KNOWN_LOGINS_KEY } from '@votestream/schema/redis-keys'
import { DELAY_CURVES } from '../../src/login-delays.js'
import { createTokens } from '../../src/tokens.js'

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const JWT_SECRET = 'a secret for the tests of logins, long enough'
const ID_SECRET = 'another secret for the tests of logins, long too'
const PASSWORD = 'a long and rare pass phrase'
/** So many may fail before anybody has to wait. */
const FREE = DELAY_CURVES.pair.free

interface Gateway {
  readonly port: number
  readonly child: ChildProcess
}

describe('logins over several gateways', function () {
  this.timeout(60_000)
  let servers: TestServers
  let redis: Redis
  let one: Gateway
  let other: Gateway
  const ids = createOpaqueIds(ID_SECRET)
  const tokens = createTokens({ secret: JWT_SECRET, ids, ttlSeconds: 3_600 })

  const start = async (): Promise<Gateway> => {
    const [port, metricsPort] = [await freePort(), await freePort()]
    const env = {
      ...process.env,
      NATS_URL: servers.get('nats').url,
      REDIS_URL: servers.get('redis').url,
      GATEWAY_PORT: String(port),
      GATEWAY_METRICS_PORT: String(metricsPort),
      ...{ JWT_SECRET, ID_SECRET, LOG_LEVEL: 'silent', DRAIN_SECONDS: '0', TRUSTED_PROXIES: '127.0.0.1' },
    }
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'inherit', 'inherit'] })
    const ready = () => fetch(`http://127.0.0.1:${metricsPort}/readyz`).then(({ ok }) => ok)
    while (!(await ready().catch(() => false))) await pause(20)
    return { port, child }
  }
  const stop = async (gateway: Gateway | undefined): Promise<void> => {
    if (!gateway || gateway.child.exitCode !== null) return
    gateway.child.kill('SIGTERM')
    await once(gateway.child, 'exit')
  }
  const post = async ({ port }: Gateway, path: string, body: object, headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    await response.body?.cancel()
    return { status: response.status, retryAfter: Number(response.headers.get('retry-after')) }
  }
  const login = (gateway: Gateway, username: string, password: string, from: string) =>
    post(gateway, '/v1/auth/login', { username, password }, { 'x-forwarded-for': from })
  const register = async (username: string): Promise<void> => {
    const authorization = `Bearer ${tokens.issue({ scopes: ['accounts:register'] })}`
    const account = { username, password: PASSWORD, email: 'a@example.org', date_of_birth: '1990-01-01' }
    const { status } = await post(one, '/v1/auth/register', account, { authorization })
    assert.equal(status, 201)
  }
  /** Wrong passwords at these gateways in turn, until one is put off. @returns how many were let through */
  const guess = async (gateways: readonly Gateway[], username: string, from: string): Promise<number> => {
    const beganMs = performance.now()
    for (let through = 0; ; through += 1) {
      const gateway = gateways[through % gateways.length] as Gateway
      const { status, retryAfter } = await login(gateway, username, 'wrong', from)
      if (status === 429) {
        assert.ok(retryAfter >= 1)
        // Who is slow has waited.
        assert.ok(through <= FREE + (performance.now() - beganMs) / 1_000, `${through} were let through`)
        return through
      }
      assert.equal(status, 401)
    }
  }
  /** Until it is let in, or told that the password is wrong: however long it is put off. */
  const loginInTime = async (gateway: Gateway, username: string, password: string, from: string) => {
    for (;;) {
      const { status } = await login(gateway, username, password, from)
      if (status !== 429) return status
      await pause(20)
    }
  }

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    const logger = createLogger('test', 'silent')
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    ;[one, other] = await Promise.all([start(), start()])
  })
  after(async () => {
    await Promise.all([stop(one), stop(other)])
    redis?.disconnect()
    await servers?.stop()
  })

  it('that failed at one delay the next one at the other, and the right password is let in after the delay', async () => {
    await register('ana.lindqvist')
    assert.ok((await guess([one, other], 'ana.lindqvist', '192.0.2.1')) >= FREE)
    assert.equal(await loginInTime(other, 'ana.lindqvist', PASSWORD, '192.0.2.1'), 200)
    // What failed before is forgotten, at either.
    assert.ok((await guess([one], 'Ana.Lindqvist', '192.0.2.1')) >= FREE)
    assert.equal(await loginInTime(one, 'ana.lindqvist', PASSWORD, '192.0.2.1'), 200)
  })

  it('of many at once at both no more get through than one after the other', async () => {
    const beganMs = performance.now()
    const at = (n: number) => (n % 2 ? one : other)
    const tried = Array.from({ length: 30 }, (_, n) => login(at(n), 'nobody.at.all', 'wrong', '192.0.2.2'))
    const statuses = (await Promise.all(tried)).map(({ status }) => status)
    const through = statuses.filter((status) => status === 401).length
    assert.ok(through >= FREE && through <= FREE + (performance.now() - beganMs) / 1_000, String(through))
    assert.equal(statuses.filter((status) => status === 429).length, 30 - through)
  })

  it('of an owner are not kept out by guesses from everywhere, where it logged in at the other gateway before', async () => {
    await register('maria.keller')
    assert.equal((await login(one, 'maria.keller', PASSWORD, '192.0.2.3')).status, 200)
    while ((await redis.zcard(KNOWN_LOGINS_KEY)) === 0) await pause(5)
    const elsewhere = async (n: number): Promise<boolean> =>
      (await login(n % 2 ? one : other, 'maria.keller', 'wrong', `198.51.100.${n % 250}`)).status === 429
    // The account is waited for before and after its owner is let in.
    let shown = false
    for (let n = 0; !shown; n += 1) {
      if (!(await elsewhere(n))) continue
      assert.equal((await login(other, 'maria.keller', PASSWORD, '192.0.2.3')).status, 200)
      shown = await elsewhere(n + 1)
    }
  })

  it('leave no name in Redis, and nothing that stays there for ever', async () => {
    const keys = await redis.keys('limit:{logins}:*')
    assert.ok(keys.length > 5)
    for (const key of keys) {
      const ttlMs = await redis.pttl(key)
      assert.ok(ttlMs > 0, `${key} stays`)
      const held = key === KNOWN_LOGINS_KEY ? await redis.zrange(key, 0, '-1') : await redis.hgetall(key)
      assert.doesNotMatch(`${key} ${JSON.stringify(held)}`, /maria|ana\.|nobody|192\.0\.2|198\.51/i)
    }
  })

  it('are bounded at each while Redis is away, and let the right password in; then they count together again', async () => {
    await register('grace.hopper')
    await servers.kill('redis')
    for (const gateway of [one, other])
      assert.ok((await guess([gateway], 'grace.hopper', '192.0.2.4')) >= FREE)
    assert.equal(await loginInTime(one, 'grace.hopper', PASSWORD, '192.0.2.4'), 200)
    await servers.start('redis')
    // Told by a name of its own each time: of six at both in turn the last one is put off.
    for (let n = 0; ; n += 1) {
      const statuses: number[] = []
      for (let tries = 0; tries <= FREE; tries += 1)
        statuses.push((await login(tries % 2 ? one : other, `nobody.${n}`, 'wrong', '192.0.2.5')).status)
      if (statuses.at(-1) === 429) break
      await pause(20)
    }
  })
})
