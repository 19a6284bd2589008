import assert from 'node:assert/strict'
import { ERRORS, type ErrorCode } from '@votestream/schema/errors'
import type { Books } from './books.js'
import type { RawAnswer } from './raw-exchange.js'

/** Failures of a document, in GraphQL's own words. */
const DOCUMENT_CODES = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'OPERATION_TOO_LARGE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
])

interface Told {
  readonly extensions?: { readonly code?: string; readonly fields?: readonly unknown[] }
}
export interface GraphqlResult {
  readonly data?: Readonly<Record<string, Readonly<Record<string, string>> | null>> | null
  readonly errors?: readonly Told[]
}

export const judgeErrors = (errors: readonly Told[]): void => {
  assert.ok(Array.isArray(errors) && errors.length > 0, 'no errors where errors are said to be')
  for (const { extensions } of errors) {
    const code = extensions?.code ?? ''
    if (DOCUMENT_CODES.has(code)) continue
    const known = ERRORS[code as ErrorCode]
    assert.ok(known, `the code ${code} is in no catalogue`)
    assert.ok(known.status < 500, code)
    if (code === 'INVALID_FIELDS') assert.ok(extensions?.fields?.length, 'names no field')
  }
}

/** @returns the results, where there are any. Throws where an answer is not as it may be. */
export const judgeGraphql = ({ status, headers, body }: RawAnswer): GraphqlResult | undefined => {
  assert.ok(status >= 200, 'closed without an answer')
  assert.ok(status < 500, `${status} ${body}`)
  const type = headers.get('content-type') ?? ''
  if (!/json/.test(type) || /^application\/problem/.test(type)) {
    assert.ok(status >= 400 || type.startsWith('text/html'), `${status} ${type}`)
    if (status >= 400) assert.match(type, /^application\/problem\+json/)
    return undefined
  }
  const result = JSON.parse(body) as GraphqlResult
  assert.ok('data' in result || 'errors' in result, body)
  if (result.errors) judgeErrors(result.errors)
  return result
}

/** Enters what a mutation's result says was written. */
export const enterGraphql = (books: Books, { data }: GraphqlResult): void => {
  for (const [field, made] of Object.entries(data ?? {})) {
    if (field === 'submitVote') books.votes.add(made?.id ?? '')
    if (field === 'decideVote') books.decided.add(made?.voteId ?? '')
    if (field === 'register') books.accounts.add(made?.id ?? '')
    if (field === 'createEvent') books.events.add(made?.id ?? '')
    if (field === 'closeEvent') books.closed.add(made?.id ?? '')
  }
}
