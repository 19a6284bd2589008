import { pino } from 'pino'

/** What a field holds that is called so is nobody's to read in a log, however deep in a line it stands. */
const SECRET_FIELD =
  /(?:^|\.)(?:password|passwordhash|email|username|token|secret|authorization|cookie|x-api-key)$/i
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
export const withoutSecrets = (text: string): string =>
  SECRET_TEXTS.reduce(
    (left, [pattern, instead]) => left.replace(pattern, instead),
    text.slice(0, TEXT_LENGTH_MAX),
  )

/** The fields of a line without what is secret. */
export const withoutSecretFields = (fields: object): Record<string, unknown> => cleanedObject(fields, 0)

const cleanedObject = (value: object, depth: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value)
      .slice(0, ITEMS_MAX)
      .map(([key, each]) => [key, SECRET_FIELD.test(key) ? '[redacted]' : cleaned(each, depth + 1)]),
  )

const cleaned = (value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return withoutSecrets(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return errorFields(value)
  if (value instanceof Date) return value
  if (depth >= DEPTH_MAX) return '[deep]'
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((each) => cleaned(each, depth + 1))
  return cleanedObject(value, depth)
}

/**
 * Of an error what says where it comes from, by the names of the Elastic Common Schema. Whatever else it carries may be
 * anything: one of Redis has the command that failed, a whole script and every voter in it. A parser quotes what it could
 * not read, which may be a client's password.
 */
export const errorFields = (error: unknown): unknown => {
  if (!(error instanceof Error)) return { message: withoutSecrets(String(error)) }
  const { type, message, stack } = pino.stdSerializers.err(error)
  const { code } = error as Error & { code?: unknown }
  const quotes = quotesInput(error)
  return {
    type,
    message: quotes ? '[quotes what could not be read]' : withoutSecrets(message),
    ...(stack === undefined || quotes ? {} : { stack_trace: withoutSecrets(stack) }),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
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
