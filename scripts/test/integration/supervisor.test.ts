import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerSpec } from '@votestream/infra/servers/server-process'
import { createProcessRecord, endLeftovers, isRunning, readProcessRecord } from '../../src/process-record.js'
import { createSupervisor, type Supervisor, type SupervisorEvent } from '../../src/supervisor.js'

describe('the supervisor', () => {
  let folder: string
  let events: SupervisorEvent[]
  let supervisor: Supervisor

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'votestream-supervisor-'))
    events = []
    supervisor = makeSupervisor()
  })

  afterEach(async () => {
    await supervisor.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  function makeSupervisor(stopWithinMs = 5_000): Supervisor {
    return createSupervisor({
      policy: { firstDelayMs: 10, delayMsMax: 100, ranWellMs: 60_000 },
      stopWithinMs,
      onEvent: (event) => events.push(event),
    })
  }

  /** A child that says `up` when it runs, and what else the program does. */
  function child(name: string, program = '', more: Partial<ServerSpec> = {}): ServerSpec {
    const logFile = join(folder, `${name}.log`)
    return {
      name,
      command: process.execPath,
      args: ['-e', `setInterval(() => {}, 1000); ${program}; console.log('up ' + process.pid)`],
      env: { ...process.env },
      logFile,
      // The line of the process that runs now, not one of an earlier life.
      isReady: async () => (readOrEmpty(logFile).match(/^up /gm) ?? []).length > readyTimes(name),
      readyTimeoutMs: 10_000,
      stopTimeoutMs: 2_000,
      detached: true,
      ...more,
    }
  }

  const of = (kind: SupervisorEvent['kind']) => events.filter((event) => event.kind === kind)
  const readyTimes = (name: string) =>
    [...of('ready'), ...of('restarted')].filter((event) => event.name === name).length

  it('starts a child that dies again, and says how it died', async () => {
    await supervisor.start(child('phoenix'))
    const [ready] = of('ready')
    assert.ok(ready?.kind === 'ready')
    process.kill(ready.pid, 'SIGKILL')
    await until(() => of('restarted').length === 1)
    const [died] = of('died')
    assert.ok(died?.kind === 'died')
    assert.deepEqual(
      [died.name, died.pid, died.exit.signal, died.delayMs],
      ['phoenix', ready.pid, 'SIGKILL', 10],
    )
    const [restarted] = of('restarted')
    assert.ok(restarted?.kind === 'restarted' && restarted.pid !== ready.pid && isAlive(restarted.pid))
  })

  it('keeps trying, ever more slowly, while a child does not come up again', async () => {
    const flag = join(folder, 'broken')
    const program = `if (require('fs').existsSync(${JSON.stringify(flag)})) process.exit(3)
      require('fs').writeFileSync(${JSON.stringify(flag)}, '')`
    await supervisor.start(child('stubborn', program))
    const [ready] = of('ready')
    assert.ok(ready?.kind === 'ready')
    process.kill(ready.pid, 'SIGKILL')
    await until(() => of('restart-failed').length >= 2)
    const delays = of('restart-failed').map((event) => (event.kind === 'restart-failed' ? event.delayMs : 0))
    assert.deepEqual(delays.slice(0, 2), [20, 40])
    rmSync(flag)
    await until(() => of('restarted').length === 1)
  })

  it('stops in reverse order of start, each child gone before the next one is told', async () => {
    const names = ['first', 'second', 'third']
    for (const name of names) await supervisor.start(child(name))
    const pids = of('ready').flatMap((event) => (event.kind === 'ready' ? event.pid : []))
    await supervisor.stop()
    assert.deepEqual(
      of('stopped').map(({ name }) => name),
      ['third', 'second', 'first'],
    )
    assert.deepEqual(pids.filter(isAlive), [])
    assert.equal(of('died').length, 0)
  })

  it('children that ignore SIGTERM, and what they started, are gone within the time for all', async () => {
    supervisor = makeSupervisor(1_500)
    const program = `process.on('SIGTERM', () => {});
      console.error(require('child_process').spawn('sleep', ['600']).pid)`
    for (const name of ['deaf', 'deafer']) {
      const logFile = join(folder, `${name}.log`)
      const isReady = async () => readFileSync(logFile, 'utf8').includes('up')
      await supervisor.start(child(name, program, { isReady }))
    }
    const pids = ['deaf', 'deafer'].flatMap((name) =>
      [...readFileSync(join(folder, `${name}.log`), 'utf8').matchAll(/\d+/g)].map(Number),
    )
    assert.equal(pids.length, 4)
    const startedAtMs = performance.now()
    await supervisor.stop()
    assert.ok(performance.now() - startedAtMs < 2_500)
    await until(() => !pids.some(isAlive))
  })

  it('a child that never gets ready fails the start, with its last words, and is gone', async () => {
    const spec = child('mute', `console.log('no disk')`, { isReady: async () => false, readyTimeoutMs: 300 })
    await assert.rejects(supervisor.start(spec), /mute was not ready[\s\S]*no disk/)
    await until(() => !isAlive(Number(/up (\d+)/.exec(readFileSync(spec.logFile, 'utf8'))?.[1] ?? 0)))
  })

  it('a stop in the middle of a start ends the child that is starting', async () => {
    const spec = child('slow', '', { isReady: async () => false })
    const start = assert.rejects(supervisor.start(spec), /Stopped while starting/)
    const pid = await until(() => Number(/up (\d+)/.exec(readOrEmpty(spec.logFile))?.[1]) || undefined)
    await supervisor.stop()
    await start
    assert.equal(isAlive(pid), false)
  })

  it('a stop while a child waits for its next try leaves it down', async () => {
    supervisor = createSupervisor({
      policy: { firstDelayMs: 60_000, delayMsMax: 60_000, ranWellMs: 60_000 },
      stopWithinMs: 5_000,
      onEvent: (event) => events.push(event),
    })
    await supervisor.start(child('gone'))
    const [ready] = of('ready')
    assert.ok(ready?.kind === 'ready')
    process.kill(ready.pid, 'SIGKILL')
    await until(() => of('died').length === 1)
    await supervisor.stop()
    assert.equal(of('restarted').length, 0)
  })

  it('a task that fails is told with its last words', async () => {
    const spec = child('migrate', `console.log('no such table'); process.exit(4)`)
    await assert.rejects(supervisor.run(spec), /migrate failed \(exit code 4\)[\s\S]*no such table/)
    await supervisor.run(child('fine', `process.exit(0)`))
  })

  it('what a killed start left behind is ended by the next one, and nothing else is', async () => {
    await supervisor.start(child('left', `process.on('SIGTERM', () => process.exit(0))`))
    await supervisor.start(child('stranger'))
    const pids = of('ready').flatMap((event) => (event.kind === 'ready' ? event.pid : []))
    const [left = 0, stranger = 0] = pids
    createProcessRecord(folder).write([
      { name: 'left', pid: left },
      { name: 'stranger', pid: stranger },
    ])
    const record = readProcessRecord(folder)
    assert.ok(record !== undefined && isRunning(record.supervisor))
    // The number of a process that is long gone now belongs to a stranger.
    const children = record.children.map((one) =>
      one.pid === stranger ? { ...one, startedAt: 'earlier' } : one,
    )
    const ended: string[] = []
    await endLeftovers({ ...record, children }, ({ name }) => ended.push(name))
    assert.deepEqual(ended, ['left'])
    assert.equal(isAlive(stranger), true)
  })
})

function isAlive(pid: number): boolean {
  try {
    // A process that is dead and not yet fetched by its parent does not count.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** The first value of the condition that is not false or undefined. */
async function until<T>(condition: () => T | undefined | false): Promise<T> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 10) {
    const value = condition()
    if (value !== undefined && value !== false) return value
    await sleep(10)
  }
  throw new Error('The condition did not come true.')
}
