import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '@votestream/infra/servers/free-port'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import WebSocket from 'ws'

/** Empty for what was closed meanwhile. */
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))

const TOKEN = 'a-token-for-the-tests-of-workers-long-enough'

describe('several workers behind one port', () => {
  let servers: TestServers
  let gateway: ChildProcess
  let port: number
  let metricsPort: number
  let output = ''

  before(async function () {
    // Three processes start.
    this.timeout(60_000)
    servers = await startServersForTest(['nats', 'redis'])
    port = await freePort()
    metricsPort = await freePort()
    gateway = spawn(process.execPath, [main], {
      env: {
        ...process.env,
        NATS_URL: servers.get('nats').url,
        REDIS_URL: servers.get('redis').url,
        GATEWAY_PORT: String(port),
        GATEWAY_METRICS_PORT: String(metricsPort),
        GATEWAY_WORKERS: '2',
        JWT_SECRET: 'a secret for the tests of workers, long enough',
        ID_SECRET: 'another secret for the tests of workers, long too',
        LOG_LEVEL: 'silent',
        DIAGNOSTICS_TOKEN: TOKEN,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    gateway.stdout?.on('data', (chunk) => {
      output += String(chunk)
    })
    await untilReady()
  })
  after(async () => {
    if (gateway.exitCode === null) gateway.kill('SIGKILL')
    await servers.stop()
  })

  const status = (url: string): Promise<number | undefined> =>
    fetch(url).then(
      async (response) => {
        await response.arrayBuffer()
        return response.status
      },
      () => undefined,
    )
  const untilReady = async () => {
    while ((await status(`http://127.0.0.1:${metricsPort}/readyz`)) !== 200) await pause(20)
  }
  const workers = (): number[] =>
    readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8')
      .split(' ')
      .filter((pid) => pid !== '')
      .map(Number)

  it('are ready together, and what they measure is one page', async () => {
    assert.equal(workers().length, 2)
    assert.equal(await status(`http://127.0.0.1:${port}/healthz`), 200)
    const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    assert.equal(page.match(/^process_cpu_seconds_total /gm)?.length, 1)
  })

  it('share the sockets, and count them together', async () => {
    const socketsOf = (pid: number): number =>
      readdirSync(`/proc/${pid}/fd`).filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith('socket:'))
        .length
    const before = workers().map((pid) => socketsOf(pid))
    const sockets = Array.from(
      { length: 20 },
      () => new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws'),
    )
    for (const socket of sockets) socket.once('open', () => socket.send('{"type":"connection_init"}'))
    await Promise.all(sockets.map((socket) => once(socket, 'message')))
    const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    assert.match(page, /^votestream_live_connections 20$/m)
    // Connections of the tests before this one may have ended meanwhile.
    const more = workers().map((pid, index) => socketsOf(pid) - (before[index] ?? 0))
    assert.ok(
      more.every((count) => count >= 5),
      `${more}`,
    )
    for (const socket of sockets) socket.terminate()
  })

  it('what one that is killed had counted stays counted, and what it had open does not', async () => {
    const counted = async (): Promise<{ asked: number; seconds: number; page: string }> => {
      const accept = 'application/openmetrics-text'
      const page = await (
        await fetch(`http://127.0.0.1:${metricsPort}/metrics`, { headers: { accept } })
      ).text()
      const of = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1])
      const asked = of('votestream_requests_total\\{api="rest",operation="none",code="ROUTE_NOT_FOUND"\\}')
      return { asked, seconds: of('process_cpu_seconds_total'), page }
    }
    // Each connection is handed to the next worker.
    const ask = () => fetch(`http://127.0.0.1:${port}/nowhere`, { headers: { connection: 'close' } })
    for (let times = 0; times < 10; times += 1) await (await ask()).text()
    while ((await counted()).asked !== 10) await pause(10)
    const before = await counted()
    assert.match(before.page, /# EOF\n$/)
    const openOn = (page: string) => Number(/^votestream_live_connections (\d+)$/m.exec(page)?.[1])
    const sockets = Array.from(
      { length: 10 },
      () => new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws'),
    )
    await Promise.all(sockets.map((socket) => once(socket, 'open')))
    while (openOn((await counted()).page) !== 10) await pause(10)
    const [victim] = workers()
    assert.ok(victim)
    process.kill(victim, 'SIGKILL')
    while (workers().includes(victim)) await pause(5)
    const left = () => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length
    while (left() === 10) await pause(5)
    const after = await counted()
    assert.equal(after.asked, 10)
    assert.ok(after.seconds >= before.seconds)
    while (openOn((await counted()).page) !== left()) await pause(10)
    for (const socket of sockets) socket.terminate()
    await untilReady()
    await (await ask()).text()
    while ((await counted()).asked !== 11) await pause(10)
  })

  const asOperator = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${metricsPort}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${TOKEN}` },
    })

  it('log as much as their operator wants, each of them', async () => {
    assert.equal(output, '')
    const body = JSON.stringify({ level: 'info', for: 60 })
    const changed = await asOperator('/log-level', { method: 'PUT', body })
    assert.equal(changed.status, 200)
    const said = (pid: number | undefined) => output.includes(`"process.pid":${pid}`)
    while (![gateway.pid, ...workers()].every(said)) await pause(10)
    await asOperator('/log-level', { method: 'PUT', body: JSON.stringify({ level: 'silent', for: 1 }) })
  })

  it('each has profiles of its own', async () => {
    const ask = (worker: number) => asOperator(`/debug/pprof/profile?seconds=1&worker=${worker}`)
    const answers = await Promise.all([ask(1), ask(2), ask(3)])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 404],
    )
    const [first, second] = await Promise.all(answers.map((answer) => answer.arrayBuffer()))
    assert.ok(first && second && !Buffer.from(first).equals(Buffer.from(second)))
    assert.deepEqual([...new Uint8Array(first).slice(0, 2)], [0x1f, 0x8b], 'gzipped')
  })

  it('one that is killed is replaced, and the port never closes', async () => {
    const [victim] = workers()
    assert.ok(victim)
    process.kill(victim, 'SIGKILL')
    while (workers().includes(victim)) await pause(5)
    assert.equal(await status(`http://127.0.0.1:${port}/healthz`), 200)
    while (workers().length < 2) await pause(20)
    await untilReady()
    assert.ok(!workers().includes(victim))
  })

  it('end in order with their primary', async () => {
    const pids = workers()
    gateway.kill('SIGTERM')
    const [code] = await once(gateway, 'exit')
    assert.equal(code, 0)
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/)
  })
})
