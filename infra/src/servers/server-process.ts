import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inWords } from './log-words.js'

export interface ServerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What to run, and how to see that it works. */
export interface ServerSpec {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
  /** stdout and stderr are appended here: a file, so that the child never waits for anybody to read. */
  readonly logFile: string
  /** True once the server answers; asked again and again, must settle by itself within a second or two. */
  readonly isReady: () => Promise<boolean>
  readonly readyTimeoutMs: number
  /** From SIGTERM until SIGKILL. */
  readonly stopTimeoutMs: number
  /** In its own process group a child does not hear the terminal's Ctrl-C: whoever started it decides. */
  readonly detached?: boolean
}

export interface ServerProcess {
  readonly name: string
  readonly pid: number
  /** Where its own lines begin in the log file: what stands before them is of earlier lives. */
  readonly logStart: number
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<ServerExit>
  /** SIGTERM, then SIGKILL at the deadline; settles when it is gone, at once when it already is. */
  stop(timeoutMs?: number): Promise<void>
  kill(signal: NodeJS.Signals): void
}

/** A process that runs but has not been seen to work yet. Throws when it cannot be run at all. */
export async function spawnServer(spec: ServerSpec): Promise<ServerProcess> {
  mkdirSync(dirname(spec.logFile), { recursive: true })
  const log = openSync(spec.logFile, 'a')
  const logStart = fstatSync(log).size
  let child: ChildProcess
  try {
    child = spawn(spec.command, [...spec.args], {
      env: spec.env,
      stdio: ['ignore', log, log],
      detached: spec.detached ?? false,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    })
  } finally {
    closeSync(log)
  }
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const { pid } = await new Promise<{ pid: number }>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`${spec.name} could not be started.`, { cause })))
    child.once('spawn', () => resolve({ pid: child.pid ?? 0 }))
  })
  killWithParent(child, exited, spec.detached ?? false)
  return {
    name: spec.name,
    pid,
    logStart,
    exited,
    kill: (signal) => signalServer(child, signal, spec.detached ?? false),
    async stop(timeoutMs = spec.stopTimeoutMs) {
      if (child.exitCode !== null || child.signalCode !== null) {
        signalServer(child, 'SIGKILL', spec.detached ?? false)
        return
      }
      child.kill('SIGTERM')
      const deadline = setTimeout(() => signalServer(child, 'SIGKILL', spec.detached ?? false), timeoutMs)
      await exited
      clearTimeout(deadline)
      // What the child itself started may outlive it; its group does not.
      signalServer(child, 'SIGKILL', spec.detached ?? false)
    },
  }
}

/**
 * Whichever way this process ends by itself (a crash included), no child outlives it. Only SIGKILL on this
 * process leaves children behind.
 */
function killWithParent(child: ChildProcess, exited: Promise<unknown>, wholeGroup: boolean): void {
  const kill = () => signalServer(child, 'SIGKILL', wholeGroup)
  // One listener for each child that runs is as many as there should be: the limit that warns moves along.
  process.setMaxListeners(process.getMaxListeners() + 1)
  process.once('exit', kill)
  void exited.then(() => {
    process.off('exit', kill)
    process.setMaxListeners(process.getMaxListeners() - 1)
  })
}

/**
 * Waits until a spawned server works. Throws, with the end of its log, when it exits first or when its time
 * is over; the process is then gone.
 */
export async function untilReady(server: ServerProcess, spec: ServerSpec): Promise<void> {
  let exit: ServerExit | undefined
  void server.exited.then((value) => {
    exit = value
  })
  const deadlineMs = performance.now() + spec.readyTimeoutMs
  while (exit === undefined) {
    if (await spec.isReady().catch(() => false)) {
      // Somebody else may be answering on the port of a child that could not have it.
      await sleep(0)
      if (exit === undefined) return
      break
    }
    if (performance.now() > deadlineMs) {
      server.kill('SIGKILL')
      await server.exited
      throw new Error(
        `${spec.name} was not ready within ${spec.readyTimeoutMs} ms.\n${await logTail(spec.logFile, server.logStart)}`,
      )
    }
    await Promise.race([sleep(25), server.exited])
  }
  const words = await logTail(spec.logFile, server.logStart)
  throw new Error(`${spec.name} ended (${describeExit(exit)}).\n${words}`)
}

/** Starts a server and waits until it works; nothing of it is left when that fails. */
export async function startServer(spec: ServerSpec): Promise<ServerProcess> {
  const server = await spawnServer(spec)
  await untilReady(server, spec)
  return server
}

export function describeExit(exit: ServerExit | undefined): string {
  if (exit === undefined) return 'still running'
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`
}

const tailBytesMax = 2_000

/** The last lines of a log, from `start` on, for a person who has to see why. */
export async function logTail(logFile: string, start = 0, bytesMax = tailBytesMax): Promise<string> {
  try {
    const file = await open(logFile, 'r')
    try {
      const { size } = await file.stat()
      // A log that was cut meanwhile is shorter than it was.
      const length = Math.min(start > size ? size : size - start, bytesMax)
      const { buffer } = await file.read({ buffer: Buffer.alloc(length), position: size - length })
      return inWords(buffer.toString('utf8').trimEnd())
    } finally {
      await file.close()
    }
  } catch {
    return `(no log in ${logFile})`
  }
}

function signalServer(child: ChildProcess, signal: NodeJS.Signals, wholeGroup: boolean): void {
  if (!wholeGroup || child.pid === undefined || signal === 'SIGTERM') {
    child.kill(signal)
    return
  }
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // Nobody of the group is left.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
