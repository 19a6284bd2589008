import { VotestreamError } from '@votestream/schema/errors'
import type { Caller } from '../caller.js'
import type { Loaders } from './loaders.js'

/** What every resolver of one operation sees. */
export interface GraphqlContext {
  /** Undefined where no token was sent. */
  readonly caller: Caller | undefined
  /** As the client sent it: an HTTP header, or beside the operation on a socket. */
  readonly idempotencyKey: string | string[] | undefined
  /** W3C trace context, sent in the same way. */
  readonly traceParent: string | string[] | undefined
  readonly loaders: Loaders
}

/** @throws VotestreamError UNAUTHENTICATED */
export const requireCaller = ({ caller }: GraphqlContext): Caller => {
  if (!caller) throw new VotestreamError('UNAUTHENTICATED')
  return caller
}
