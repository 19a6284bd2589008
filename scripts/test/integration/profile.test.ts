import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { type ServerProcess, startServer } from '@votestream/infra/servers/server-process'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { readPprof } from '../../src/diagnostics/pprof-tree.js'
import { variablesForTests } from '../../src/environment.js'
import { serviceSpec } from '../../src/service-specs.js'

const TOKEN = 'a-token-for-the-tests-of-profiles-long-enough'

describe('a running service', function () {
  this.timeout(60_000)
  let servers: TestServers
  let ingest: ServerProcess
  let variables: NodeJS.ProcessEnv
  const folder = mkdtempSync(join(tmpdir(), 'votestream-profiles-'))

  before(async () => {
    servers = await startServersForTest(['nats', 'redis'])
    const port = await freePort()
    const env = {
      ...variablesForTests(),
      NATS_URL: servers.get('nats').url,
      REDIS_URL: servers.get('redis').url,
      DIAGNOSTICS_TOKEN: TOKEN,
    }
    const program = { root: repositoryRoot(), logFolder: servers.folder, env, perfMaps: true }
    ingest = await startServer({ ...serviceSpec('ingest', port, program), detached: false })
    variables = {
      ...variablesForTests(),
      DATA_DIR: folder,
      INGEST_METRICS_PORT: String(port),
      DIAGNOSTICS_TOKEN: TOKEN,
    }
  })
  after(async () => {
    await ingest?.stop()
    await servers?.stop()
    rmSync(folder, { recursive: true, force: true })
    if (ingest) rmSync(`/tmp/perf-${ingest.pid}.map`, { force: true })
  })

  const command = (name: string, args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
    new Promise<{ status: number; output: string }>((resolve) => {
      const file = join(repositoryRoot(), 'scripts/dist/src', `${name}.js`)
      execFile(process.execPath, [file, ...args], { env: { ...variables, ...more } }, (error, out, err) =>
        resolve({ status: error ? Number(error.code) : 0, output: out + err }),
      )
    })

  it('shows by one command what it does with its time, and with its memory', async () => {
    for (const [kind, args] of [
      ['cpu', ['--seconds', '1']],
      ['heap', ['--seconds', '1', '--heap']],
    ] as const) {
      const { status, output } = await command('profile', ['ingest', ...args])
      assert.equal(status, 0, output)
      const names = readdirSync(join(folder, 'profiles')).filter((name) => name.startsWith(`ingest-${kind}-`))
      assert.deepEqual(names.map((name) => name.replace(/^.*Z/, '')).sort(), ['.html', '.pb.gz'])
      for (const name of names) assert.ok(output.includes(name), output)
      const read = (end: string) =>
        readFileSync(join(folder, 'profiles', names.find((name) => name.endsWith(end)) ?? ''))
      assert.equal(readPprof(read('.pb.gz')).unit, kind === 'cpu' ? 'nanoseconds' : 'bytes')
      assert.match(read('.html').toString(), /<svg viewBox/)
    }
  })

  it('logs more for a while by one command', async () => {
    assert.deepEqual(await command('log-level', ['ingest']), { status: 0, output: 'ingest logs info\n' })
    const changed = await command('log-level', ['ingest', 'debug', '--minutes', '1'])
    assert.match(changed.output, /^ingest logs debug until .*Z, then info\n$/)
    const log = join(servers.folder, 'ingest.log')
    while (!readFileSync(log, 'utf8').includes('the level of the log was changed')) await pause(10)
    assert.match((await command('log-level', ['ingest'])).output, /^ingest logs debug until /)
  })

  it('tells whoever cannot have it why', async () => {
    for (const [args, more, words] of [
      [['ingest', '--seconds', '61'], {}, /ingest refuses: 400 seconds/],
      [['ingest'], { DIAGNOSTICS_TOKEN: 'another-token-and-none-that-is-known-there' }, /refuses: 401/],
      [['ingest'], { DIAGNOSTICS_TOKEN: '' }, /start Votestream once first, or set DIAGNOSTICS_TOKEN/],
      [['ingest'], { INGEST_METRICS_PORT: '1' }, /ingest does not answer at http:\/\/127\.0\.0\.1:1/],
      [['nobody'], {}, /npm run profile -- gateway/],
    ] as const) {
      const { status, output } = await command('profile', args, more)
      assert.equal(status, 1, output)
      assert.match(output, words)
    }
  })

  it('leaves the names of its functions for perf and eBPF where that is asked for', async () => {
    const file = `/tmp/perf-${ingest.pid}.map`
    while (!existsSync(file) || !/^[0-9a-f]+ [0-9a-f]+ .*runService/m.test(readFileSync(file, 'utf8')))
      await pause(50)
  })
})
