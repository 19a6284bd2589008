import { bearerToken } from '../bearer-token.js'
import type { Caller } from '../caller.js'
import type { TokenVerifier } from '../tokens.js'

/** What a client says when it connects, in place of the headers that a browser cannot send. */
export type SocketParameters = Readonly<Record<string, unknown>> | undefined

/** Undefined where the client sent no token when it connected. @throws VotestreamError UNAUTHENTICATED */
export const callerOf = (tokens: TokenVerifier, parameters: SocketParameters): Caller | undefined => {
  const authorization = authorizationOf(parameters)
  return authorization === undefined ? undefined : tokens.verify(bearerToken(authorization))
}

export const authorizationOf = (parameters: SocketParameters): unknown =>
  parameters?.Authorization ?? parameters?.authorization ?? undefined

/** What is no text is not taken for the absence of one. */
export const textOf = (value: unknown): string | undefined => (value == null ? undefined : String(value))
