import type { Logger } from '@votestream/infra/logging'
import { type ErrorCode, VotestreamError } from '@votestream/schema/errors'
import { type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql'
import { FAULTS_MAX } from '../problems.js'
import { logFailure } from '../request-failures.js'
import { type CountedCode, DOCUMENT_CODES, type DocumentCode } from '../request-metrics.js'
import { type Traced, traceFields } from '../request-trace.js'
import { NO_SECURITY_EVENTS, noteRefusal, type SecurityEvents } from '../security-events.js'

/** What the server's library calls failures that have a code in our catalogue. */
const LIBRARY_CODES: Readonly<Record<string, ErrorCode>> = {
  BAD_REQUEST: 'INVALID_REQUEST',
  BAD_USER_INPUT: 'INVALID_FIELDS',
}

const REQUEST_CODES: ReadonlySet<ErrorCode> = new Set(['INVALID_REQUEST', 'METHOD_NOT_ALLOWED'])

/** Failures of the document, in GraphQL's own words: only its author can do something about them. */
const isDocumentCode = (code: unknown): code is DocumentCode =>
  (DOCUMENT_CODES as readonly unknown[]).includes(code)

/** @param traced what the error belongs to, for the log */
export type FormatError = (error: unknown, traced?: Traced) => GraphQLFormattedError

/**
 * An error as a client is told of it: the code and the sentence of the catalogue. What nobody foresaw is
 * INTERNAL, and logged with its cause; so is everything else that is our fault.
 * @param onRefused told of what no operation came of
 */
export const createErrorFormat =
  (
    logger: Logger,
    security: SecurityEvents = NO_SECURITY_EVENTS,
    onRefused: (code: CountedCode) => void = () => undefined,
  ) =>
  (error: unknown, traced?: Traced): GraphQLFormattedError => {
    const { locations, path } = error instanceof GraphQLError ? error.toJSON() : {}
    const place = { ...(locations ? { locations } : {}), ...(path ? { path } : {}) }
    const code = error instanceof GraphQLError ? error.extensions.code : undefined
    if (error instanceof GraphQLError && isDocumentCode(code)) {
      onRefused(code)
      return { message: error.message, ...place, extensions: { code } }
    }
    const told = toVotestreamError(error)
    if (!path) onRefused(told.code)
    noteRefusal(security, told, () => ({ operation: path?.join('.') ?? 'graphql' }))
    logFailure(logger, told, 'operation', () => ({ path, ...traceFields(traced) }))
    // What is wrong with the request as such, the library says best.
    const message =
      REQUEST_CODES.has(told.code) && error instanceof GraphQLError ? error.message : told.message
    return { message, ...place, extensions: extensionsOf(told) }
  }

/** What a client is told of it in one word; undefined where there is no error. */
export const errorCodeOf = (error: GraphQLError | undefined): unknown => {
  if (!error) return undefined
  const { code } = error.extensions
  return isDocumentCode(code) ? code : toVotestreamError(error).code
}

interface Executed {
  readonly errors?: readonly GraphQLError[] | undefined
  readonly data?: unknown
}

/** What was executed, with its errors as clients are told of them. */
export const withErrors = (
  { errors, ...rest }: Executed,
  formatError: (error: unknown) => GraphQLFormattedError,
): FormattedExecutionResult =>
  // What was executed is an object or null.
  ({ ...rest, ...(errors ? { errors: errors.map(formatError) } : {}) }) as FormattedExecutionResult

const toVotestreamError = (error: unknown): VotestreamError => {
  const original = error instanceof GraphQLError ? originalOf(error) : error
  if (original instanceof VotestreamError) return original
  const known = libraryCode(error)
  if (known) {
    const { fields } = (error as GraphQLError).extensions
    // Only `variable-faults` puts them there.
    return new VotestreamError(known, { fields: (fields as VotestreamError['fields'] | undefined) ?? [] })
  }
  return new VotestreamError('INTERNAL', { cause: original })
}

/** Undefined where it is not the request that is to blame. */
const libraryCode = (error: unknown): ErrorCode | undefined => {
  if (!(error instanceof GraphQLError)) return undefined
  const { code, http } = error.extensions
  // Only the server's library and `apollo` put it there. It says more than the code, and stands where there is none.
  const { status = 500 } = (http ?? {}) as { status?: number }
  if (status === 405) return 'METHOD_NOT_ALLOWED'
  const named = typeof code === 'string' ? LIBRARY_CODES[code] : undefined
  return named ?? (status >= 400 && status < 500 ? 'INVALID_REQUEST' : undefined)
}

/** The error beneath however many layers of GraphQL errors. */
const originalOf = (error: GraphQLError): Error => {
  let original: Error = error
  while (original instanceof GraphQLError && original.originalError) original = original.originalError
  return original
}

const extensionsOf = ({
  code,
  fields,
  voteId,
  retryAfterSeconds,
}: VotestreamError): Record<string, unknown> => ({
  code,
  ...(fields.length > 0 ? { fields: fields.slice(0, FAULTS_MAX) } : {}),
  ...(voteId === undefined ? {} : { voteId }),
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
})

/** What was thrown, for whoever hands on errors of GraphQL alone. */
export const asGraphqlError = (error: unknown): GraphQLError => {
  const originalError = error instanceof Error ? error : new Error('not an error', { cause: error })
  return new GraphQLError(originalError.message, { originalError })
}
