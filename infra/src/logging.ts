import { readFileSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import { createFloodGate, type FloodGate } from './log-flood.js'
import { errorFields, withoutSecretFields, withoutSecrets } from './log-redaction.js'

export type { Logger }

export interface LoggerOptions {
  /** As its traces name the service; by default as its log is called. */
  readonly serviceName?: string | undefined
  /** Its name among the live instances, which outlives its process. */
  readonly instance?: string | undefined
  /** Lines of one kind in a second; see FloodGate. */
  readonly linesPerSecondMax?: number | undefined
  /** By default standard output. */
  readonly destination?: { write(line: string): void }
  /** Runs something after a time, in milliseconds. */
  readonly later?: (work: () => void, ms: number) => void
}

/** The fields' names are the same in all of 8.x and 9.x. */
const ECS_VERSION = '8.11.0'
const LINES_PER_SECOND_MAX = 50
const FATAL = 60

/**
 * Structured JSON, by the Elastic Common Schema; no line holds a password, a token or an email address, and none comes in
 * floods. A field whose name holds a dot is one of the schema (`trace.id`, `event.action`), `err` becomes its `error`, and
 * all others are ours, below `votestream`, where none can be taken for one of the schema's.
 *
 * `@elastic/ecs-pino-format` writes the same names, but makes an error's fields of all that it says, before anybody can
 * look at it, and does nothing about fields of one's own.
 */
export const createLogger = (service: string, level: string, options: LoggerOptions = {}): Logger => {
  const gate = createFloodGate({
    linesPerSecondMax: options.linesPerSecondMax ?? LINES_PER_SECOND_MAX,
    onSuppressed: (kind, suppressed) => untold.warn({ kind, suppressed }, 'more of these were not written'),
    ...(options.later ? { later: options.later } : {}),
  })
  const destination = options.destination ?? pino.destination(1)
  const base = baseFields(service, options)
  const logger = pino({ ...SHAPE, level, base, hooks: { logMethod: guarded(gate) } }, destination)
  // What says how many lines there were is not to be counted among them.
  const untold = pino({ ...SHAPE, base }, destination)
  return logger
}

interface LogVariables {
  readonly LOG_LEVEL: string
  readonly LOG_LINES_PER_SECOND_MAX: number
  readonly INSTANCE_NAME?: string | undefined
  /** In front of the service's name, in logs as in traces. */
  readonly OTEL_SERVICE_NAME: string
}

/** A service's log, as its environment wants it. */
export const createServiceLogger = (service: string, variables: LogVariables): Logger =>
  createLogger(service, variables.LOG_LEVEL, {
    serviceName: `${variables.OTEL_SERVICE_NAME}-${service}`,
    instance: variables.INSTANCE_NAME,
    linesPerSecondMax: variables.LOG_LINES_PER_SECOND_MAX,
  })

const SHAPE = {
  messageKey: 'message',
  timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
  formatters: {
    level: (label: string) => ({ 'log.level': label }),
    log: (fields: object) => ecsFields(fields),
  },
}

const baseFields = (
  service: string,
  { serviceName = service, instance }: LoggerOptions,
): Record<string, unknown> => ({
  'ecs.version': ECS_VERSION,
  'event.dataset': `votestream.${service}`,
  'service.name': serviceName,
  'service.version': ownVersion(),
  ...(instance === undefined ? {} : { 'service.node.name': instance }),
  'process.pid': process.pid,
})

/** All packages have the repository's. */
const ownVersion = (): string => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

const ecsFields = ({ err, ...fields }: { err?: unknown }): Record<string, unknown> => {
  const line: Record<string, unknown> = {}
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(withoutSecretFields(fields))) {
    if (name.includes('.')) line[name] = value
    else own[name] = value
  }
  if (Object.keys(own).length > 0) line.votestream = own
  if (err !== undefined) line.error = errorFields(err)
  return line
}

type LogMethodHook = NonNullable<NonNullable<pino.LoggerOptions['hooks']>['logMethod']>

/** Of every line: its words without secrets, and no more of its kind than the gate lets through. */
const guarded = (gate: FloodGate): LogMethodHook =>
  function (parts, method, level) {
    const [first] = parts as unknown[]
    const error = first instanceof Error ? first : (first as { err?: unknown } | null)?.err
    // Of a line without words of its own the library would make the error's text, as it is, the words.
    const words = parts.length === 1 && error instanceof Error ? [error.name] : []
    const clean = [...parts, ...words].map((part: unknown) =>
      typeof part === 'string' ? withoutSecrets(part) : part,
    )
    const kind = clean.find((part) => typeof part === 'string') ?? ''
    if (level < FATAL && !gate.passes(kind)) return
    method.apply(this, clean as typeof parts)
  }
