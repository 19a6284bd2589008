import { type Logger, pino } from 'pino'

export type { Logger }

/** Structured JSON on standard output. */
export const createLogger = (service: string, level: string): Logger =>
  pino({ level, base: { service, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime })
