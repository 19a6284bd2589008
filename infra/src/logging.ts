import { type Logger, pino } from 'pino'

export type { Logger }

/** What a field holds that is called so is nobody's to read in a log, however deep in a line it stands. */
const SECRET_FIELD = /^(password|passwordhash|email|username|token|secret|authorization|cookie|x-api-key)$/i
/** What looks like a secret wherever it stands: a JWT, a bearer token, an email address, the password in a URL. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w-])[\w-]{8,}\.[\w-]{8,}\.[\w-]{20,}/g, '[token]'],
  [/\bbearer +[^\s"',]+/gi, 'Bearer [token]'],
  [/(:\/\/[^\s:/@]*):[^\s/@]+@/g, '$1:[password]@'],
  [/[^\s"'<>(),:;@]{1,64}@(?:[a-z0-9-]+\.)+[a-z]{2,}/gi, '[email]'],
]
const DEPTH_MAX = 6
const ITEMS_MAX = 100

/** What is longer is cut. */
const TEXT_LENGTH_MAX = 8_192

/** A text without what looks like a secret. */
const withoutSecrets = (text: string): string =>
  SECRET_TEXTS.reduce(
    (left, [pattern, instead]) => left.replace(pattern, instead),
    text.slice(0, TEXT_LENGTH_MAX),
  )

const cleaned = (value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return withoutSecrets(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return errorSerializer(value)
  if (value instanceof Date) return value
  if (depth >= DEPTH_MAX) return '[deep]'
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((each) => cleaned(each, depth + 1))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, ITEMS_MAX)
      .map(([key, each]) => [key, SECRET_FIELD.test(key) ? '[redacted]' : cleaned(each, depth + 1)]),
  )
}

/**
 * Of an error what says where it comes from. Whatever else it carries may be anything: one of Redis has the command that failed,
 * a whole script and every voter in it. A parser quotes what it could not read, which may be a client's password.
 */
const errorSerializer = (error: unknown): unknown => {
  if (!(error instanceof Error)) return cleaned(error, 0)
  const { type, message, stack } = pino.stdSerializers.err(error)
  const { code } = error as Error & { code?: unknown }
  const quotes = quotesInput(error)
  return {
    type,
    message: quotes ? '[quotes what could not be read]' : withoutSecrets(message),
    ...(stack === undefined || quotes ? {} : { stack: withoutSecrets(stack) }),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
  }
}

/** Itself, or what caused it: the text of an error holds those of its causes. */
const quotesInput = (error: Error): boolean => {
  let cause: unknown = error
  for (let depth = 0; cause instanceof Error && depth < DEPTH_MAX; depth++) {
    if (cause instanceof SyntaxError) return true
    cause = cause.cause
  }
  return false
}

/** Structured JSON on standard output; no line holds a password, a token or an email address. */
export const createLogger = (
  service: string,
  level: string,
  destination?: { write(line: string): void },
): Logger =>
  pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: errorSerializer },
      formatters: {
        // An error is left to its serializer.
        log: ({ err, ...fields }) => ({
          ...(cleaned(fields, 0) as object),
          ...(err === undefined ? {} : { err }),
        }),
      },
      hooks: {
        logMethod(parts, method) {
          const [first] = parts as unknown[]
          const error = first instanceof Error ? first : (first as { err?: unknown } | null)?.err
          // Of a line without words of its own the library would make the error's text, as it is, the words.
          const words = parts.length === 1 && error instanceof Error ? [error.name] : []
          const clean = [...parts, ...words].map((part: unknown) =>
            typeof part === 'string' ? withoutSecrets(part) : part,
          )
          return method.apply(this, clean as typeof parts)
        },
      },
    },
    destination ?? pino.destination(1),
  )
