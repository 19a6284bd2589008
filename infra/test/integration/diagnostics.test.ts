import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { Profile } from 'pprof-format'
import { createCredential } from '../../src/diagnostics/credential.js'
import { createDiagnostics } from '../../src/diagnostics/diagnostics.js'
import type { LevelState } from '../../src/diagnostics/level-switch.js'
import { diagnosticRoutes } from '../../src/diagnostics/routes.js'
import { type HealthServer, startHealthServer } from '../../src/health-server.js'
import { createLogger, type Logger } from '../../src/logging.js'

const TOKEN = 'a-token-for-the-tests-of-diagnostics'
const REGISTRY = {
  getMetricsAsJSON: async () => [{ name: 'figures', help: 'Some', type: 'gauge', values: [] }],
}

const start = async (token: string | undefined, heapFromStart = false) => {
  const logger: Logger = createLogger('test', 'error', { destination: { write: () => undefined } })
  const diagnostics = await createDiagnostics({ logger, heapFromStart })
  const routes = diagnosticRoutes({ token, diagnostics })
  const server = await startHealthServer({ port: 0, registry: REGISTRY, missing: () => [], routes })
  const ask = (path: string, init: RequestInit = {}, credential = `Bearer ${TOKEN}`): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}${path}`, { ...init, headers: { authorization: credential } })
  return { logger, server, ask }
}

const TURN_MS = 20

/** Works in turns, between which there is time for others, until the answer is there. */
const workingUntil = async <Value>(asked: Promise<Value>, work: () => void): Promise<Value> => {
  let isThere = false
  const answer = asked.finally(() => {
    isThere = true
  })
  while (!isThere) {
    work()
    await pause(1)
  }
  return answer
}

/**
 * Somebody who looks at the profile knows this name. Its body is longer than what the compiler makes a part of its caller,
 * which would have its time then; and it is called often, since of one loop that was compiled while it ran, before there was
 * a profile, the profiler does not know whose it is.
 */
function countVotes(): number {
  let votes = 0
  for (let n = 1; n < 200; n++) {
    votes +=
      Math.sqrt(n) + Math.imul(n, 3) + Math.clz32(n) + Math.floor(n / 3) + Math.ceil(n / 5) + Math.abs(n)
    votes -= Math.trunc(n / 7) + Math.sign(n) + Math.fround(n) + Math.max(n, 11) + Math.min(n, 13)
    votes += Math.sqrt(n + 1) + Math.imul(n, 5) + Math.clz32(n + 1) + Math.floor(n / 9) + Math.ceil(n / 11)
    votes -= Math.trunc(n / 17) + Math.sign(n + 1) + Math.fround(n + 1) + Math.max(n, 19) + Math.min(n, 23)
    votes += Math.sqrt(n + 2) + Math.imul(n, 7) + Math.clz32(n + 2) + Math.floor(n / 29) + Math.ceil(n / 31)
    votes -= Math.trunc(n / 37) + Math.sign(n + 2) + Math.fround(n + 2) + Math.max(n, 41) + Math.min(n, 43)
  }
  return votes
}

const countForAWhile = (): void => {
  for (const untilMs = performance.now() + TURN_MS; performance.now() < untilMs; ) countVotes()
}

interface Costs {
  readonly own: ReadonlyMap<string, number>
  readonly files: ReadonlyMap<string, string>
}

const costsOf = async (response: Response): Promise<Costs> => {
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/octet-stream')
  const profile = Profile.decode(gunzipSync(Buffer.from(await response.arrayBuffer())))
  const text = (index: number | bigint) => profile.stringTable.strings[Number(index)] ?? ''
  const functions = new Map(profile.function.map((each) => [each.id, each]))
  const places = new Map(
    profile.location.map(({ id, line }) => [id, functions.get(line[0]?.functionId ?? 0)]),
  )
  const own = new Map<string, number>()
  const files = new Map<string, string>()
  for (const { locationId, value } of profile.sample) {
    const called = places.get(locationId[0] ?? 0)
    const name = text(called?.name ?? 0)
    own.set(name, (own.get(name) ?? 0) + Number(value.at(-1)))
    files.set(name, text(called?.filename ?? 0))
  }
  return { own, files }
}

describe('what the private port shows to operators', function () {
  this.timeout(30_000)
  let server: HealthServer
  let logger: Logger
  let ask: Awaited<ReturnType<typeof start>>['ask']
  before(async () => {
    ;({ server, logger, ask } = await start(TOKEN))
  })
  after(() => server.stop())

  it('is nothing to whoever has no token, or another one', async () => {
    const others = ['', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Digest ${TOKEN}`, TOKEN, 'Basic !']
    for (const path of ['/debug/pprof/profile?seconds=1', '/debug/pprof/heap', '/log-level']) {
      for (const credential of others) {
        const response = await ask(path, {}, credential)
        assert.equal(response.status, 401, `${path} ${credential}`)
        assert.equal(response.headers.get('www-authenticate'), 'Bearer')
      }
    }
    const change = await ask('/log-level', { method: 'PUT', body: '{"level":"debug"}' }, 'Bearer wrong')
    assert.deepEqual([change.status, logger.level], [401, 'error'])
  })

  it('is not there at all where no token was set, and health is without one', async () => {
    const { server: without, ask: askWithout } = await start(undefined)
    try {
      for (const path of ['/debug/pprof/profile', '/debug/pprof/heap', '/log-level'])
        assert.equal((await askWithout(path)).status, 404)
      assert.equal((await askWithout('/healthz', {}, '')).status, 200)
      assert.match(await (await askWithout('/metrics', {}, '')).text(), /figures/)
    } finally {
      await without.stop()
    }
  })

  it('a profile of its time names the function that takes it, and where it stands', async () => {
    const asked = ask('/debug/pprof/profile?seconds=1')
    const { own, files } = await costsOf(await workingUntil(asked, countForAWhile))
    const [[first] = ['']] = [...own].sort((one, other) => other[1] - one[1])
    assert.equal(first, 'countVotes')
    assert.match(files.get('countVotes') ?? '', /diagnostics\.test\.[jt]s$/)
    const all = [...own.values()].reduce((sum, value) => sum + value, 0)
    assert.ok((own.get('countVotes') ?? 0) > 0.7 * all)
    assert.ok(all > 50e6 && all < 3_000e6, `${all} ns`)
  })

  it('a function stands in it where it was written, not where it was compiled to', async () => {
    const asked = ask('/debug/pprof/profile?seconds=1')
    const isKnown = createCredential(TOKEN)
    const compare = () => {
      for (const untilMs = performance.now() + TURN_MS; performance.now() < untilMs; ) isKnown('Bearer no')
    }
    const { files } = await costsOf(await workingUntil(asked, compare))
    const ours = [...files.values()].filter(
      (file) => file.includes('/infra/') && !file.includes('node_modules'),
    )
    assert.ok(ours.length > 0)
    for (const file of ours) assert.match(file, /\/infra\/(src|test)\/.*\.ts$/)
  })

  it('a second profile at a time is refused, and there is one again afterwards', async () => {
    const first = ask('/debug/pprof/profile?seconds=1')
    let refused = 0
    // Which of the two arrives first is not known, but that one of them is alone.
    const second = await ask('/debug/pprof/heap?seconds=1')
    for (const response of [await first, second]) if (response.status === 409) refused += 1
    assert.equal(refused, 1)
    assert.equal((await ask('/debug/pprof/heap?seconds=1')).status, 200)
  })

  it('a profile of its memory names who holds it, of what was allocated since, or from the start on', async () => {
    const held: number[][] = []
    const holdVotes = () => {
      for (let n = 0; n < 10 && held.length < 1_000; n++) held.push(new Array<number>(16_384).fill(n + 0.5))
    }
    const { own } = await costsOf(await workingUntil(ask('/debug/pprof/heap?seconds=1'), holdVotes))
    assert.ok((own.get('holdVotes') ?? 0) > 5_000_000, `${own.get('holdVotes')} bytes`)
    const { server: fromStart, ask: askFromStart } = await start(TOKEN, true)
    try {
      held.length = 0
      for (let turn = 0; turn < 20; turn++) holdVotes()
      const { own: all } = await costsOf(await askFromStart('/debug/pprof/heap'))
      assert.ok((all.get('holdVotes') ?? 0) > 5_000_000)
    } finally {
      await fromStart.stop()
    }
    assert.equal(held.length, 200)
  })

  it('takes a time between one second and a minute, and a process that is there', async () => {
    for (const seconds of ['0', '61', '-1', '1.5', 'x', '1e9', '']) {
      const response = await ask(`/debug/pprof/profile?seconds=${seconds}`)
      assert.equal(response.status, 400, seconds)
      assert.match(await response.text(), /seconds/)
    }
    assert.equal((await ask('/debug/pprof/heap?seconds=1&worker=0')).status, 400)
    assert.equal((await ask('/debug/pprof/heap?seconds=1&worker=2')).status, 404)
    assert.equal((await ask('/debug/pprof/profile', { method: 'POST' })).status, 405)
  })

  it('the token may come as a password, as pprof’s own tool sends it', async () => {
    const credential = `Basic ${Buffer.from(`anybody:${TOKEN}`).toString('base64')}`
    assert.equal((await ask('/log-level', {}, credential)).status, 200)
  })

  it('the level of the log is changed there, for a bounded time', async () => {
    const put = (body: unknown) => ask('/log-level', { method: 'PUT', body: JSON.stringify(body) })
    const stateOf = async (response: Response) => (await response.json()) as LevelState
    const changed = await stateOf(await put({ level: 'debug', for: 60 }))
    assert.deepEqual([changed.level, changed.configured, logger.level], ['debug', 'error', 'debug'])
    const leftMs = Date.parse(changed.until ?? '') - Date.now()
    assert.ok(leftMs > 50_000 && leftMs <= 60_000, `${leftMs}`)
    assert.equal((await stateOf(await ask('/log-level'))).level, 'debug')
    for (const body of [
      { level: 'loud' },
      { level: 'debug', for: 86_401 },
      { level: 'debug', for: 0 },
      {},
      7,
    ])
      assert.equal((await put(body)).status, 400, JSON.stringify(body))
    assert.equal((await put({ level: 'debug', more: 'x'.repeat(2_000) })).status, 400)
    assert.equal((await ask('/log-level', { method: 'PUT', body: '{' })).status, 400)
    assert.equal(String(logger.level), 'debug')
    await put({ level: 'warn', for: 1 })
    while (String(logger.level) !== 'error') await pause(20)
    assert.deepEqual(await (await ask('/log-level')).json(), { level: 'error', configured: 'error' })
  })
})
