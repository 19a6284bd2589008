import type { LogLevel } from '../log-levels.js'
import type { Logger } from '../logging.js'

export interface LevelState {
  readonly level: string
  /** What `LOG_LEVEL` said at the start, and what it comes back to. */
  readonly configured: string
  /** When that is; undefined while it is so. */
  readonly until?: string | undefined
}

export interface LevelSwitch {
  state(): LevelState
  /** A later change takes the place of one that has not ended. */
  change(level: LogLevel, seconds: number): LevelState
}

interface LevelSwitchOptions {
  readonly logger: Logger
  /** Runs something after a time, in milliseconds, unless it is called off. */
  readonly later?: (work: () => void, ms: number) => { cancel(): void }
  readonly now?: () => number
}

const afterTimeout = (work: () => void, ms: number): { cancel(): void } => {
  const timer = setTimeout(work, ms).unref()
  return { cancel: () => clearTimeout(timer) }
}

/** Changes how much is logged for a time: who forgets to change it back fills no disk. */
export const createLevelSwitch = ({
  logger,
  later = afterTimeout,
  now = Date.now,
}: LevelSwitchOptions): LevelSwitch => {
  const configured = logger.level
  let ending: { cancel(): void } | undefined
  let endsAtMs: number | undefined

  const state = (): LevelState => ({
    level: logger.level,
    configured,
    ...(endsAtMs === undefined ? {} : { until: new Date(endsAtMs).toISOString() }),
  })
  /** Said by whichever of the two levels says more. */
  const set = (level: string): void => {
    const words = 'the level of the log was changed'
    const fields = { from: logger.level, to: level }
    logger.info(fields, words)
    const wasSaid = logger.isLevelEnabled('info')
    logger.level = level
    if (!wasSaid) logger.info(fields, words)
  }
  const back = (): void => {
    ending = undefined
    endsAtMs = undefined
    set(configured)
  }

  return {
    state,
    change(level, seconds) {
      ending?.cancel()
      ending = later(back, seconds * 1_000)
      endsAtMs = now() + seconds * 1_000
      set(level)
      return state()
    },
  }
}
