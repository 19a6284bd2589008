import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { parseMetrics, sumOf } from '../../src/bench/latency/service-metrics.js'
import { startTemporarySystem, type TemporarySystem } from '../../src/browser/temporary-system.js'
import type { WindowVerdict } from '../../src/synthetic/verdict.js'

const execute = promisify(execFile)
const command = (name: string) => join(repositoryRoot(), `scripts/dist/src/${name}.js`)

/** An hour of checks, compressed; how fast a busy machine is belongs to the bench. */
const PACE = ['--checks', '60', '--checks-per-hour', '14400', '--window-seconds', '4', '--json']
const SLOW_MACHINE = [
  ...['--acknowledged-p99-ms', '9000', '--seen-p95-ms', '9000', '--seen-p99-ms', '9000'],
  ...['--within-ms', '9000', '--timeout-ms', '9000'],
]

describe('the synthetic check', function () {
  this.timeout(90_000)
  let system: TemporarySystem
  let votes = 0

  before(async () => {
    system = await startTemporarySystem()
  })
  after(() => system.stop())

  const startProber = async (args: readonly string[]) => {
    const port = await freePort()
    const all = [command('synthetic'), ...PACE, '--metrics-port', String(port), ...args]
    const child = spawn(process.execPath, all, { env: system.variables, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err] = [text(child.stdout), text(child.stderr)]
    const ended = once(child, 'exit')
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      return { status: response.status, text: await response.text() }
    }
    return {
      child,
      ask,
      async untilOk(checks: number) {
        for (;;) {
          const found = await ask('/metrics').then(
            (answer) => parseMetrics([answer.text]),
            () => undefined,
          )
          if (found && checksOf(found, 'ok') >= checks) return found
          assert.equal(child.exitCode, null, 'the prober has ended')
          await pause(50)
        }
      },
      async end() {
        const [code] = await ended
        const lines = (await out).trim().split('\n').filter(Boolean)
        return { code, verdicts: lines.map((line) => JSON.parse(line) as WindowVerdict), err: await err }
      },
    }
  }
  const checksOf = (metrics: ReadonlyMap<string, number>, result: string): number =>
    ['rest', 'graphql'].reduce(
      (sum, api) =>
        sum + (metrics.get(`votestream_synthetic_checks_total{api="${api}",result="${result}"}`) ?? 0),
      0,
    )
  const eventOf = (verdicts: readonly WindowVerdict[]): WindowVerdict => {
    const event = verdicts.find(({ kind }) => kind === 'event')
    assert.ok(event)
    return event
  }
  const votersKept = () => join(system.dataDir, 'synthetic-voters.json')

  it('is right in every check of a compressed hour, over both APIs, and tells it on its metrics', async () => {
    const prober = await startProber(SLOW_MACHINE)
    const metrics = await prober.untilOk(30)
    for (const api of ['rest', 'graphql']) {
      const name = `votestream_synthetic_checks_total{api="${api}",result="ok"}`
      assert.ok((metrics.get(name) ?? 0) >= 10, api)
    }
    const all = sumOf(metrics, 'votestream_synthetic_checks_total')
    assert.equal(checksOf(metrics, 'ok'), all, JSON.stringify([...metrics]))
    for (const leg of ['acknowledged', 'seen']) {
      assert.equal(metrics.get(`votestream_synthetic_leg_seconds_count{leg="${leg}"}`), all)
    }
    const age = Date.now() / 1_000 - sumOf(metrics, 'votestream_synthetic_last_success_timestamp_seconds')
    assert.ok(age >= 0 && age < 30, `${age} s`)
    assert.equal((await prober.ask('/readyz')).status, 200)
    // A stop is no failure, and leaves no event open.
    prober.child.kill('SIGTERM')
    const { code, verdicts, err } = await prober.end()
    assert.equal(code, 0, err)
    assert.ok(verdicts.some(({ kind }) => kind === 'window'))
    for (const verdict of verdicts) assert.ok(verdict.isPassed, JSON.stringify(verdict))
    votes += eventOf(verdicts).checks
    const open = 'SELECT count() FROM events WHERE canary AND closes_at > now()'
    while ((await system.analyse(open)) !== '0') await pause(50)
  })

  it('has the same voters every hour, and keeps no token of theirs', async () => {
    const before = await readFile(votersKept(), 'utf8')
    assert.equal((await stat(votersKept())).mode & 0o777, 0o600)
    assert.doesNotMatch(before, /[\w-]{8,}\.[\w-]{8,}\./, 'no token')
    const prober = await startProber([...SLOW_MACHINE, '--once'])
    const { code, verdicts, err } = await prober.end()
    assert.equal(code, 0, err)
    const event = eventOf(verdicts)
    assert.deepEqual([event.checks, event.results], [60, { ok: 60 }])
    assert.equal(await readFile(votersKept(), 'utf8'), before)
    votes += event.checks
  })

  it('is left out by analysts and by lists of events, and counted in the books', async () => {
    while ((await system.analyse('SELECT count() FROM canary_votes')) !== String(votes)) await pause(50)
    for (const view of ['votes', 'votes_per_minute', 'votes_per_hour']) {
      assert.equal(await system.analyse(`SELECT count() FROM ${view}`), '0', view)
    }
    const token = system.makeViewerToken(60)
    const { events } = await system.client.execute<{ events: { nodes: { name: string }[] } }>(
      '{ events(first: 100) { nodes { name } } }',
      {},
      { token },
    )
    assert.ok(events.nodes.length > 0, 'the demo event is there')
    assert.deepEqual(
      events.nodes.filter(({ name }) => name.startsWith('Canary')),
      [],
    )
    const { stdout } = await execute(process.execPath, [command('reconcile'), '--json'], {
      env: system.variables,
    })
    const { events: books } = JSON.parse(stdout) as { events: { log: { counted: number } | null }[] }
    assert.equal(
      books.reduce((sum, { log }) => sum + (log?.counted ?? 0), 0),
      votes,
    )
  })

  it('fails loudly when the processor is stopped, and names the leg', async () => {
    const levels = [...SLOW_MACHINE.slice(0, 6), '--within-ms', '2000', '--timeout-ms', '2000']
    const prober = await startProber([...levels, '--once'])
    await prober.untilOk(10)
    const processor = system.pidOf('processor')
    process.kill(processor, 'SIGSTOP')
    try {
      const { code, verdicts, err } = await prober.end()
      assert.equal(code, 1)
      const event = eventOf(verdicts)
      assert.ok(!event.isPassed)
      assert.ok((event.results.unseen ?? 0) > 20, JSON.stringify(event.results))
      assert.equal(event.results.refused, undefined)
      assert.equal(event.results.wrong, undefined)
      assert.match(err, /synthetic check: event 1 FAILED: success: .* and at least 100 % is asked for/)
      assert.match(err, /seen: the vote was acknowledged, and no board had it in time/)
    } finally {
      process.kill(processor, 'SIGCONT')
    }
  })

  it('fails loudly when nobody answers, and skips what it cannot send', async () => {
    const free = await freePort()
    const url = ['--url', `http://127.0.0.1:${free}`, '--checks', '20', '--checks-per-hour', '36000']
    const prober = await startProber([...SLOW_MACHINE, ...url, '--once'])
    const { code, verdicts, err } = await prober.end()
    assert.equal(code, 1)
    assert.deepEqual(eventOf(verdicts).results, { skipped: 20 })
    assert.match(err, /FAILED: .*sent: the vote was not sent: 20 of 20 \(.*no answer/)
  })
})
