import type { LogLevel } from '../log-levels.js'
import type { Logger } from '../logging.js'
import { createLevelSwitch, type LevelState } from './level-switch.js'
import { createProfiles, type ProfileKind } from './profiles.js'

/** Why somebody does not get what was asked for, with the HTTP status that says so. */
export class DiagnosticsError extends Error {
  override readonly name = 'DiagnosticsError'

  constructor(
    readonly status: 400 | 404 | 409 | 503,
    message: string,
  ) {
    super(message)
  }
}

export interface ProfileRequest {
  readonly kind: ProfileKind
  readonly seconds: number
  /** Which of the processes behind one private port, from 1 on; by default the first. */
  readonly worker: number
}

/** What an operator may see of a process while it works, and change. */
export interface Diagnostics {
  /** @returns a profile in pprof's format, gzipped. @throws DiagnosticsError while another one is taken */
  profile(request: ProfileRequest): Promise<Uint8Array>
  logLevel(): LevelState
  /** For all processes behind the private port. @param seconds until the level is again what it was at the start */
  changeLogLevel(level: LogLevel, seconds: number): Promise<LevelState>
}

interface DiagnosticsOptions {
  readonly logger: Logger
  readonly heapFromStart: boolean
}

/** Of this process. */
export const createDiagnostics = async ({
  logger,
  heapFromStart,
}: DiagnosticsOptions): Promise<Diagnostics> => {
  const levels = createLevelSwitch({ logger })
  const profiles = await createProfiles({ heapFromStart })
  let busy = false
  return {
    async profile({ kind, seconds, worker }) {
      if (worker !== 1) throw new DiagnosticsError(404, 'there is one process here, and it is number 1')
      if (busy) throw new DiagnosticsError(409, 'a profile is being taken')
      busy = true
      try {
        logger.info({ kind, seconds }, 'a profile is taken')
        return await profiles[kind](seconds)
      } finally {
        busy = false
      }
    },
    logLevel: levels.state,
    changeLogLevel: async (level, seconds) => levels.change(level, seconds),
  }
}
