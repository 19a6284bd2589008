import { VotestreamError } from '@votestream/schema/errors'

const BEARER = /^bearer +([^\s,]+) *$/i

/** The token in an `Authorization` header. @throws VotestreamError UNAUTHENTICATED for anything else. */
export const bearerToken = (authorization: unknown): string => {
  const token = typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined
  if (token === undefined) throw new VotestreamError('UNAUTHENTICATED')
  return token
}
