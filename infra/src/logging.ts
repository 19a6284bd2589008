import { type Logger, pino } from 'pino'

export type { Logger }

/** An error of Redis carries the command that failed: a whole script and every voter in it. That is not logged. */
const errorSerializer = (error: Error): object => {
  const { command: _command, ...rest } = pino.stdSerializers.err(error) as ReturnType<
    typeof pino.stdSerializers.err
  > & { command?: unknown }
  return rest
}

/** Structured JSON on standard output. */
export const createLogger = (service: string, level: string): Logger =>
  pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: errorSerializer },
  })
