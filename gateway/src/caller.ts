import { VotestreamError } from '@votestream/schema/errors'
import type { VoterNumber } from '@votestream/schema/numbers'
import type { Scope } from '@votestream/schema/scopes'

/** Who asks, as a valid token says. */
export interface Caller {
  /** Undefined for an application, which is no user. */
  readonly voter: VoterNumber | undefined
  /** The voter's opaque identifier, as in the token. */
  readonly userId: string | undefined
  /** With `admin`, all of them. */
  readonly scopes: ReadonlySet<Scope>
  /** From then on the token is not valid, milliseconds since 1970. */
  readonly expiresAtMs: number
  /** To the second. */
  readonly issuedAtMs: number
  /** Names the token, and does not tell it. */
  readonly tokenId: string
}

/** @throws VotestreamError UNAUTHENTICATED where no token was shown. */
export const requireToken = (caller: Caller | undefined): Caller => {
  if (!caller) throw new VotestreamError('UNAUTHENTICATED')
  return caller
}

/** @throws VotestreamError WRONG_SCOPE for a token of no user. */
export const callingUser = ({ voter }: Caller): VoterNumber => {
  if (voter === undefined) throw new VotestreamError('WRONG_SCOPE')
  return voter
}
