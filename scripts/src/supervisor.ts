import { setTimeout as sleep } from 'node:timers/promises'
import {
  describeExit,
  logTail,
  type ServerExit,
  type ServerProcess,
  type ServerSpec,
  spawnServer,
  untilReady,
} from '@votestream/infra/servers/server-process'
import { decideRestart, type RestartPolicy, stopTimeout } from './supervision.js'

export type SupervisorEvent =
  | { readonly kind: 'ready'; readonly name: string; readonly pid: number; readonly tookMs: number }
  | {
      readonly kind: 'died'
      readonly name: string
      readonly pid: number
      readonly exit: ServerExit
      readonly delayMs: number
    }
  | {
      readonly kind: 'restart-failed'
      readonly name: string
      readonly reason: string
      readonly delayMs: number
    }
  | { readonly kind: 'restarted'; readonly name: string; readonly pid: number }
  | { readonly kind: 'stopped'; readonly name: string; readonly pid: number; readonly exit: ServerExit }

export interface RunningChild {
  readonly name: string
  readonly pid: number
}

export interface SupervisorOptions {
  readonly policy: RestartPolicy
  /** All children together are gone within this time after `stop`. */
  readonly stopWithinMs: number
  readonly onEvent: (event: SupervisorEvent) => void
  /** Told synchronously at every change, so that a record of what runs is hardly ever behind. */
  readonly onChildren?: (children: readonly RunningChild[]) => void
}

export interface Supervisor {
  /** Starts a child and waits until it works; from then on it is kept alive. Throws when it does not start. */
  start(spec: ServerSpec): Promise<void>
  /** Runs a child to its end; throws unless it ends well. */
  run(spec: ServerSpec): Promise<void>
  /** Stops everything in reverse order of start, also what is being started or restarted. Never throws. */
  stop(): Promise<void>
}

export class SupervisorStoppedError extends Error {
  constructor() {
    super('Stopped while starting.')
  }
}

/** One child that is kept alive: at any moment it runs, or waits for its next try, or the supervisor stops. */
interface Supervised {
  readonly spec: ServerSpec
  launching: Promise<ServerProcess> | undefined
  process: ServerProcess | undefined
  failures: number
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { policy, onEvent } = options
  const children: Supervised[] = []
  const stopping = new AbortController()
  let stopped: Promise<void> | undefined

  const announce = () => {
    const running = children.flatMap(({ spec, process }) =>
      process === undefined ? [] : [{ name: spec.name, pid: process.pid }],
    )
    options.onChildren?.(running)
  }

  /** Noted before it is spawned, so that a stop at any moment finds it. */
  const launch = async (child: Supervised) => {
    child.launching = spawnServer(child.spec)
    child.process = await child.launching
    announce()
    return child.process
  }

  const forget = (child: Supervised) => {
    const index = children.indexOf(child)
    if (index >= 0) children.splice(index, 1)
    announce()
  }

  /** What a dead child started itself must not stand in the way of its successor. */
  const clearAway = (child: Supervised) => {
    child.process?.kill('SIGKILL')
    child.process = undefined
    child.launching = undefined
    announce()
  }

  const keepAlive = async (child: Supervised, first: ServerProcess) => {
    let running: ServerProcess | undefined = first
    while (running !== undefined) {
      const startedAtMs = performance.now()
      const exit = await running.exited
      if (stopping.signal.aborted) return
      clearAway(child)
      const ranMs = performance.now() - startedAtMs
      const { failures, delayMs } = decideRestart(policy, { failures: child.failures, ranMs })
      child.failures = failures
      onEvent({ kind: 'died', name: child.spec.name, pid: running.pid, exit, delayMs })
      running = await tryAgain(child, delayMs)
    }
  }

  /** Waits and starts until it works; undefined when the supervisor stops. */
  const tryAgain = async (child: Supervised, delayMs: number): Promise<ServerProcess | undefined> => {
    let nextDelayMs = delayMs
    const { name } = child.spec
    while (!stopping.signal.aborted) {
      await sleep(nextDelayMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return undefined
      try {
        const launched = await launch(child)
        await untilReady(launched, child.spec)
        onEvent({ kind: 'restarted', name, pid: launched.pid })
        return launched
      } catch (error) {
        if (stopping.signal.aborted) return undefined
        clearAway(child)
        const decision = decideRestart(policy, { failures: child.failures, ranMs: 0 })
        child.failures = decision.failures
        nextDelayMs = decision.delayMs
        onEvent({ kind: 'restart-failed', name, reason: messageOf(error), delayMs: nextDelayMs })
      }
    }
    return undefined
  }

  const stopAll = async () => {
    stopping.abort()
    const deadlineMs = performance.now() + options.stopWithinMs
    for (let child = children.pop(); child !== undefined; child = children.pop()) {
      const { spec, launching } = child
      // One that is being spawned right now is there in a moment; one that waits for its next try is not there.
      const process = child.process ?? (await launching?.catch(() => undefined))
      if (process === undefined) continue
      await process.stop(
        stopTimeout({
          ownMs: spec.stopTimeoutMs,
          leftMs: deadlineMs - performance.now(),
          othersAfter: children.length,
        }),
      )
      onEvent({ kind: 'stopped', name: spec.name, pid: process.pid, exit: await process.exited })
      announce()
    }
  }

  return {
    async start(spec) {
      if (stopping.signal.aborted) throw new SupervisorStoppedError()
      const child = newChild(spec)
      children.push(child)
      const startedAtMs = performance.now()
      try {
        const launched = await launch(child)
        await untilReady(launched, spec)
        onEvent({
          kind: 'ready',
          name: spec.name,
          pid: launched.pid,
          tookMs: performance.now() - startedAtMs,
        })
        void keepAlive(child, launched)
      } catch (error) {
        if (stopping.signal.aborted) throw new SupervisorStoppedError()
        clearAway(child)
        forget(child)
        throw error
      }
    },
    async run(spec) {
      if (stopping.signal.aborted) throw new SupervisorStoppedError()
      const child = newChild(spec)
      children.push(child)
      try {
        const task = await launch(child)
        const exit = await task.exited
        if (stopping.signal.aborted) throw new SupervisorStoppedError()
        forget(child)
        if (exit.code !== 0) {
          const words = await logTail(spec.logFile, task.logStart)
          throw new Error(`${spec.name} failed (${describeExit(exit)}).\n${words}`)
        }
      } finally {
        child.process?.kill('SIGKILL')
      }
    },
    stop() {
      stopped ??= stopAll()
      return stopped
    },
  }
}

function newChild(spec: ServerSpec): Supervised {
  return { spec, launching: undefined, process: undefined, failures: 0 }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
