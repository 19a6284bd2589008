import type { IncomingHttpHeaders } from 'node:http'
import { HeaderMap } from '@apollo/server'
import type { VotestreamError } from '@votestream/schema/errors'
import { GraphQLError } from 'graphql'
import { comeAgainFields } from '../admission/rate-limit-fields.js'
import type { Caller } from '../caller.js'
import type { Deadline } from '../deadlines.js'
import type { Incoming } from './context.js'

/** How an operation came in over HTTP. @param caller undefined without a token */
export const incomingOf = (
  { 'idempotency-key': idempotencyKey, traceparent: traceParent, 'x-api-key': apiKey }: IncomingHttpHeaders,
  caller: Caller | undefined,
  deadline: Deadline,
): Incoming => ({ api: 'graphql', caller, idempotencyKey, traceParent, apiKey, deadline })

/** An error that ends a request before its operation runs, with its HTTP status. */
export const requestError = (error: VotestreamError): GraphQLError => {
  const headers = new HeaderMap([
    ...(error.status === 401 ? ([['www-authenticate', 'Bearer']] as const) : []),
    ...Object.entries(comeAgainFields(error)),
  ])
  const http = { status: error.status, headers }
  return new GraphQLError(error.message, { originalError: error, extensions: { code: error.code, http } })
}
