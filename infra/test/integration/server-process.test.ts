import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type ServerSpec, startServer } from '../../src/servers/server-process.js'

const run = promisify(execFile)

describe("a server's process", () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'votestream-process-'))
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const spec = (more: Partial<ServerSpec>): ServerSpec => ({
    name: 'sleeper',
    command: 'sleep',
    args: ['600'],
    env: { PATH: process.env.PATH },
    logFile: join(folder, 'sleeper.log'),
    isReady: async () => true,
    readyTimeoutMs: 5_000,
    stopTimeoutMs: 1_000,
    detached: true,
    ...more,
  })

  it('does not outlive a parent that crashes, in its own process group or not', async () => {
    for (const detached of [true, false]) {
      const module = new URL('../../src/servers/server-process.js', import.meta.url).href
      const text = `import { spawnServer } from ${JSON.stringify(module)}
        const server = await spawnServer({ ...${JSON.stringify(spec({ detached }))}, isReady: async () => true })
        console.log(server.pid)
        setTimeout(() => { throw new Error('a crash') }, 10)`
      const crash = await run(process.execPath, ['--input-type=module', '-e', text]).catch((error) => error)
      assert.equal(crash.code, 1)
      assert.match(crash.stderr, /a crash/)
      const pid = Number(crash.stdout)
      assert.ok(pid > 0)
      await gone(pid)
    }
  })

  it('that ends before it is ready is told with its exit status and its last words', async () => {
    const dying = spec({
      command: 'sh',
      args: ['-c', 'echo the disk is full; exit 7'],
      isReady: async () => false,
    })
    await assert.rejects(startServer(dying), /sleeper ended \(exit code 7\)\.\nthe disk is full/)
  })

  it('is told with the words of this life alone, and of a service with what its error says', async () => {
    const info = '{"log.level":"info","message":"lease taken"}'
    const fatal = '{"log.level":"fatal","error":{"message":"SHARDS is 4"},"message":"could not start"}'
    const dying = (lines: string) =>
      startServer(
        spec({ command: 'sh', args: ['-c', `echo '${lines}'; exit 1`], isReady: async () => false }),
      )
    await assert.rejects(dying('an earlier life'), /earlier/)
    await assert.rejects(dying(`${info}\n${fatal}`), {
      message: 'sleeper ended (exit code 1).\ncould not start: SHARDS is 4',
    })
    await assert.rejects(dying(info), { message: 'sleeper ended (exit code 1).\nlease taken' })
  })

  it('that cannot be run at all is told by name', async () => {
    await assert.rejects(
      startServer(spec({ command: join(folder, 'missing') })),
      /sleeper could not be started/,
    )
  })

  it('stop is harmless when it is gone already, and when asked twice at once', async () => {
    const server = await startServer(spec({}))
    await Promise.all([server.stop(), server.stop()])
    await server.stop()
    assert.deepEqual(await server.exited, { code: null, signal: 'SIGTERM' })
  })
})

/** Waits until the system has no such process any more, apart from the remains that nobody fetched. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const { stdout } = await run('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
    if (stdout.trim() === '' || stdout.startsWith('Z')) return
  }
  assert.fail(`Process ${pid} is still there.`)
}
