import { EnvironmentError } from './environment.js'
import type { Logger } from './logging.js'
import { keepObjectsYoung } from './young-objects.js'

/** Remembers how to undo what was started. */
export interface Lifecycle {
  /** Runs when the service stops, in reverse order of registration. */
  onStop(name: string, stop: () => Promise<void> | void): void
}

type State = 'starting' | 'running' | 'stopping' | 'stopped'

/** All stops together may take this long, and what a service adds; what is not done by then is cut off. */
const STOP_DEADLINE_MS = 8_000

/**
 * The life of a process: starts in order, undoes a partial start, stops in reverse on SIGTERM or SIGINT.
 * A crash exits with 1: whatever supervises the process starts it again, and the log, not this memory, knows
 * what was done.
 */
export const runService = async (
  logger: Logger,
  start: (lifecycle: Lifecycle) => Promise<void>,
  { stopMoreMs = 0 }: { readonly stopMoreMs?: number } = {},
): Promise<void> => {
  keepObjectsYoung()
  const stops: { name: string; stop: () => Promise<void> | void }[] = []
  let state: State = 'starting'

  const stop = async (exitCode: number): Promise<void> => {
    if (state === 'stopping' || state === 'stopped') return
    state = 'stopping'
    const cutOff = setTimeout(() => {
      logger.error('did not stop in time')
      process.exit(1)
    }, STOP_DEADLINE_MS + stopMoreMs)
    for (const { name, stop: undo } of stops.reverse()) {
      try {
        await undo()
      } catch (error) {
        logger.warn({ err: error }, `${name} did not stop cleanly`)
      }
    }
    clearTimeout(cutOff)
    state = 'stopped'
    process.exit(exitCode)
  }

  const crash = (error: unknown): void => {
    logger.fatal({ err: error }, 'crashed')
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void stop(0))
  }

  try {
    await start({ onStop: (name, undo) => void stops.push({ name, stop: undo }) })
    // A signal may have come while the last part was starting.
    if ((state as State) === 'starting') state = 'running'
    logger.info('running')
  } catch (error) {
    logger.fatal({ err: error }, 'could not start')
    await stop(1)
  }
}

/** Reads a configuration or ends the process with the list of its faults. */
export const configure = <Value>(read: () => Value): Value => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}
