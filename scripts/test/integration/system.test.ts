import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@votestream/infra/servers/free-port'
import { type Environment, parseEnvironment, variablesForTests } from '../../src/environment.js'
import { isRunning, readProcessRecord } from '../../src/process-record.js'
import { readSecrets } from '../../src/secrets.js'
import { startSystem } from '../../src/system.js'

/** Real NATS and Redis, and small programs in the services' places: this is about the start, not about votes. */
describe('a start of the whole system', () => {
  let root: string
  let environment: Environment
  let lines: string[]

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'votestream-system-'))
    lines = []
    const ports = [
      ...['GATEWAY_PORT', 'NATS_PORT', 'REDIS_PORT'],
      ...['GATEWAY_METRICS_PORT', 'INGEST_METRICS_PORT', 'PROCESSOR_METRICS_PORT'],
    ]
    const variables: NodeJS.ProcessEnv = { CLICKHOUSE_URL: 'http://127.0.0.1:1', DATA_DIR: 'data' }
    for (const variable of ports) variables[variable] = String(await freePort())
    environment = parseEnvironment(variables, root)
    program('scripts/dist/src/migrate.js', "console.log('nothing to migrate')")
    program('ingest/dist/src/main.js', service('INGEST_METRICS_PORT'))
    program('processor/dist/src/main.js', service('PROCESSOR_METRICS_PORT'))
    program('gateway/dist/src/main.js', service('GATEWAY_METRICS_PORT') + restApi)
  })

  afterEach(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

  function program(path: string, text: string): void {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }

  const start = (signal = new AbortController().signal) =>
    startSystem({
      ...{ root, environment, signal, variables: variablesForTests() },
      say: (line) => lines.push(...line.split('\n')),
    })

  const readyNames = () => lines.flatMap((line) => /^ {2}(\S+) is ready/.exec(line)?.[1] ?? [])
  const pids = () => lines.flatMap((line) => Number(/is ready \(pid (\d+)/.exec(line)?.[1]) || [])

  it('starts in order, ends with the ready line, stops in reverse order and leaves no process', async () => {
    const system = await start()
    assert.deepEqual(readyNames(), ['nats-server', 'redis-server', 'ingest', 'processor', 'gateway'])
    assert.equal(lines.at(-1), 'Votestream is ready')
    const record = readProcessRecord(environment.DATA_DIR)
    assert.ok(record !== undefined && record.children.length === 5 && record.children.every(isRunning))
    await system.stop()
    assert.deepEqual(
      lines.flatMap((line) => /^ {2}(\S+) stopped/.exec(line)?.[1] ?? []),
      readyNames().reverse(),
    )
    assert.deepEqual(record.children.filter(isRunning), [])
    assert.equal(readProcessRecord(environment.DATA_DIR), undefined)
  })

  it('shows the admin login at the first start and never again, and keeps its secrets', async () => {
    await (await start()).stop()
    const secrets = await readSecrets(environment.DATA_DIR)
    assert.ok(secrets !== undefined)
    assert.ok(lines.some((line) => line.includes(secrets.adminPassword)))
    assert.ok(lines.some((line) => line.includes('event-of-the-test')))
    lines = []
    await (await start()).stop()
    assert.ok(!lines.some((line) => line.includes(secrets.adminPassword)))
    assert.deepEqual(await readSecrets(environment.DATA_DIR), { ...secrets, adminLoginShown: true })
  })

  it('hands every service the addresses and the secrets', async () => {
    await (await start()).stop()
    const given = JSON.parse(readFileSync(join(root, 'gateway.json'), 'utf8'))
    const secrets = await readSecrets(environment.DATA_DIR)
    assert.equal(given.NATS_URL, `nats://127.0.0.1:${environment.NATS_PORT}`)
    assert.equal(given.REDIS_URL, `redis://127.0.0.1:${environment.REDIS_PORT}`)
    assert.equal(given.CLICKHOUSE_URL, 'http://127.0.0.1:1')
    assert.equal(given.JWT_SECRET, secrets?.jwtSecret)
    assert.equal(given.ID_SECRET, secrets?.idSecret)
    assert.equal(given.ADMIN_PASSWORD, secrets?.adminPassword)
    assert.deepEqual([given.SHARDS, given.DATA_DIR], ['2', environment.DATA_DIR])
  })

  it('a taken port ends the start before anything runs, with one sentence', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // a TCP server's address is never text
    environment = { ...environment, INGEST_METRICS_PORT: port }
    await assert.rejects(start(), {
      message: new RegExp(`^Port ${port} is taken: set INGEST_METRICS_PORT [^.]*\\.$`),
    })
    assert.deepEqual(lines, [])
    await new Promise((resolve) => server.close(resolve))
  })

  it('a data folder that cannot be made is told in one sentence', async () => {
    const file = join(environment.DATA_DIR, '..', 'a file')
    writeFileSync(file, '')
    environment = { ...environment, DATA_DIR: join(file, 'data') }
    await assert.rejects(
      start(),
      /^Error: The folder .* cannot be made or written: set DATA_DIR to another one\.$/,
    )
    rmSync(file)
  })

  it('a second start on the same data is refused while the first one runs', async () => {
    const system = await start()
    const other = { ...environment }
    for (const name of ['GATEWAY_PORT', 'NATS_PORT', 'REDIS_PORT'] as const) other[name] = await freePort()
    for (const name of ['GATEWAY_METRICS_PORT', 'INGEST_METRICS_PORT', 'PROCESSOR_METRICS_PORT'] as const) {
      other[name] = await freePort()
    }
    const second = startSystem({
      ...{ root, environment: other, variables: {}, signal: new AbortController().signal },
      say: () => undefined,
    })
    await assert.rejects(second, /already runs on .*DATA_DIR/)
    const record = readProcessRecord(environment.DATA_DIR)
    assert.ok(record?.children.every(isRunning))
    await system.stop()
  })

  it('a step that fails undoes what was started, and says why', async () => {
    program('scripts/dist/src/migrate.js', "console.log('no such table'); process.exit(1)")
    await assert.rejects(start(), /migrate failed \(exit code 1\)[\s\S]*no such table/)
    assert.deepEqual(readyNames(), ['nats-server', 'redis-server'])
    assert.equal(pids().length, 2)
    for (const pid of pids()) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })

  it('a signal in the middle of the start undoes it', async () => {
    program('scripts/dist/src/migrate.js', 'setInterval(() => {}, 1000)')
    const controller = new AbortController()
    const started = start(controller.signal)
    const push = lines.push.bind(lines)
    lines.push = (...more) => {
      // Redis is the last thing before the migration, which never ends by itself.
      if (more.some((line) => line.includes('redis-server is ready')))
        setTimeout(() => controller.abort(), 50)
      return push(...more)
    }
    await assert.rejects(started, /Stopped while starting/)
    for (const pid of pids()) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })
})

function service(portVariable: string): string {
  return `const http = require('http')
    http.createServer((_, answer) => answer.end('ready')).listen(process.env.${portVariable}, '127.0.0.1')
    process.on('SIGTERM', () => process.exit(0))
  `
}

const restApi = `
  require('fs').writeFileSync('gateway.json', JSON.stringify(process.env))
  http.createServer((request, answer) => {
    const login = { user_id: 'user', token: 'token' }
    const event = { event_id: 'event-of-the-test', event_name: 'A name' }
    answer.end(JSON.stringify(request.url.endsWith('/login') ? login : event))
  }).listen(process.env.GATEWAY_PORT, '127.0.0.1')
`
