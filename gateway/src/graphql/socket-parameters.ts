import type { Origin } from '../admission/admission.js'
import { bearerToken } from '../bearer-token.js'
import type { Caller } from '../caller.js'
import type { TokenVerifier } from '../tokens.js'

/** What a client said when it connected: the payload of `connection_init`. */
export type SocketParameters = Readonly<Record<string, unknown>> | undefined

/** Undefined where the client sent no token. @throws VotestreamError UNAUTHENTICATED */
export const callerOf = (
  tokens: Pick<TokenVerifier, 'verify'>,
  parameters: SocketParameters,
): Caller | undefined => {
  const authorization = authorizationOf(parameters)
  return authorization === undefined ? undefined : tokens.verify(bearerToken(authorization))
}

export const authorizationOf = (parameters: SocketParameters): unknown =>
  parameters?.Authorization ?? parameters?.authorization ?? undefined

interface Connected {
  readonly extra: { readonly origin: Origin }
  readonly connectionParams?: SocketParameters
}

/** A browser can only send it when it connects. */
export const apiKeyOf = ({ extra, connectionParams }: Connected): string | string[] | undefined =>
  extra.origin.apiKey ?? textOf(connectionParams?.['x-api-key'])

/** What is no text is not taken for the absence of one. */
export const textOf = (value: unknown): string | undefined => (value == null ? undefined : String(value))
