import type { IncomingHttpHeaders } from 'node:http'
import { HeaderMap } from '@apollo/server'
import { VotestreamError } from '@votestream/schema/errors'
import { GraphQLError } from 'graphql'
import { bearerToken } from '../bearer-token.js'
import type { Caller } from '../caller.js'
import type { Tokens } from '../tokens.js'
import type { Incoming } from './context.js'

/** How an operation came in over HTTP. @throws GraphQLError with the HTTP status 401 for a token that is not valid. */
export const incomingOf = (
  { authorization, 'idempotency-key': idempotencyKey, traceparent: traceParent }: IncomingHttpHeaders,
  tokens: Pick<Tokens, 'verify'>,
  address: () => string,
): Incoming => ({ caller: callerOf(tokens, authorization), idempotencyKey, traceParent, address })

/** Undefined without a token. A token that is not valid ends the request, whatever it asks for. */
const callerOf = (tokens: Pick<Tokens, 'verify'>, authorization: string | undefined): Caller | undefined => {
  if (authorization === undefined) return undefined
  try {
    return tokens.verify(bearerToken(authorization))
  } catch (error) {
    throw error instanceof VotestreamError ? requestError(error) : error
  }
}

/** An error that ends a request before its operation runs, with its HTTP status. */
export const requestError = (error: VotestreamError): GraphQLError => {
  const headers = new HeaderMap(error.status === 401 ? [['www-authenticate', 'Bearer']] : [])
  const http = { status: error.status, headers }
  return new GraphQLError(error.message, { originalError: error, extensions: { code: error.code, http } })
}
