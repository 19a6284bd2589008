import { CombinedGraphQLErrors, ServerError, ServerParseError } from '@apollo/client/errors'
import { type Failure, failureOf } from '../model/failure-words.js'

interface GraphError {
  readonly message?: unknown
  readonly extensions?: { readonly code?: unknown; readonly voteId?: unknown; readonly vote_id?: unknown }
}

/** Whatever came instead of data, as a person is told of it. */
export const toFailure = (error: unknown): Failure => {
  if (CombinedGraphQLErrors.is(error)) return fromErrors(error.errors)
  if (ServerError.is(error)) return fromBody(error.bodyText) ?? fromStatus(error.statusCode)
  if (ServerParseError.is(error)) return fromStatus(error.statusCode)
  // An `error` message of the socket is the list itself.
  if (Array.isArray(error)) return fromErrors(error)
  if (typeof error === 'object' && error !== null && 'errors' in error && Array.isArray(error.errors)) {
    return fromErrors(error.errors)
  }
  return failureOf('UNREACHABLE')
}

const fromErrors = (errors: readonly GraphError[]): Failure => {
  const { message, extensions = {} } = errors[0] ?? {}
  const code = typeof extensions.code === 'string' ? extensions.code : 'INTERNAL'
  const voteId = extensions.voteId ?? extensions.vote_id
  return failureOf(
    code,
    typeof message === 'string' ? message : undefined,
    typeof voteId === 'string' ? voteId : undefined,
  )
}

/** GraphQL errors, or problem details where the request did not reach GraphQL. */
const fromBody = (text: string): Failure | undefined => {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null) return undefined
    if ('errors' in body && Array.isArray(body.errors)) return fromErrors(body.errors)
    if (!('code' in body) || typeof body.code !== 'string') return undefined
    return failureOf(body.code, 'detail' in body ? String(body.detail) : undefined)
  } catch {
    return undefined
  }
}

const fromStatus = (status: number): Failure => {
  if (status === 401) return failureOf('UNAUTHENTICATED')
  if (status === 429) return failureOf('RATE_LIMITED')
  return failureOf(status >= 502 ? 'UNREACHABLE' : 'INTERNAL')
}
