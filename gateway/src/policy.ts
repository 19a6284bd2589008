import { type ErrorCode, VotestreamError } from '@votestream/schema/errors'
import type { VoterNumber } from '@votestream/schema/numbers'
import type { Scope } from '@votestream/schema/scopes'
import type { Caller } from './caller.js'

/** Whose an operation's object is, and who but its owner may have it. */
export type Ownership =
  /** Nobody's: whoever has the scope. */
  | 'none'
  /** The token's own user: an application, which is no user, is refused, and so is another one's `user_id`. */
  | 'self'
  /** Its owner's alone: for everybody else, operators included, it does not exist. */
  | 'owner'
  /** Everybody may see it, so who may not change it is told so. */
  | 'creator-or-admin'

export interface Rule {
  /** What a token must allow; `any`: any valid token; `open`: none is asked for. */
  readonly scope: Scope | 'any' | 'open'
  readonly ownership: Ownership
  /** What is said to exist not, where the object is its owner's alone. */
  readonly hidden?: ErrorCode
}

const open: Rule = { scope: 'open', ownership: 'none' }
const results: Rule = { scope: 'results:read', ownership: 'none' }
const ownVote: Rule = { scope: 'votes', ownership: 'owner', hidden: 'VOTE_NOT_FOUND' }

/**
 * Who may do what: the one table that REST, GraphQL and sockets go by. A route names its operation by its `operationId`
 * or in its configuration, a field of GraphQL by `OfOperation`; a gateway in which one of them names none does not start.
 */
const RULES = {
  login: open,
  register: { scope: 'accounts:register', ownership: 'none' },
  logout: { scope: 'any', ownership: 'self' },
  revokeTokens: { scope: 'admin', ownership: 'none' },
  me: { scope: 'any', ownership: 'self' },
  viewerToken: open,

  createEvent: { scope: 'events', ownership: 'self' },
  /** Needed beside `createEvent` for the mark that keeps an event out of lists and of the analysts' views. */
  createCanaryEvent: { scope: 'events:canary', ownership: 'self' },
  closeEvent: { scope: 'events', ownership: 'creator-or-admin' },
  event: results,
  events: results,
  contestants: results,

  submitVote: { scope: 'votes', ownership: 'self' },
  voteStatus: ownVote,
  voteStatusStream: ownVote,
  decideVote: { scope: 'admin', ownership: 'none' },

  leaderboard: results,
  leaderboardStream: results,
  timeline: results,

  managePlans: { scope: 'admin', ownership: 'none' },
  myApiKeys: { scope: 'any', ownership: 'none' },

  // What is asked for over GraphQL is its fields' to say, one by one.
  graphql: open,
  page: open,
  /** A beacon of the page can show no token. */
  rum: open,
  documents: open,
  health: open,
} as const satisfies Record<string, Rule>

export type Operation = keyof typeof RULES

export const POLICY: Readonly<Record<Operation, Rule>> = RULES

export const isOperation = (name: unknown): name is Operation =>
  typeof name === 'string' && Object.hasOwn(POLICY, name)

export const isOpen = (operation: Operation): boolean => POLICY[operation].scope === 'open'

/**
 * Before anything else is done for a caller. @param caller undefined where no token was sent.
 * @throws VotestreamError UNAUTHENTICATED, WRONG_SCOPE for a token without the scope, or of no user where one acts.
 */
export const authorize = (operation: Operation, caller: Caller | undefined): void => {
  const { scope, ownership } = POLICY[operation]
  if (scope === 'open') return
  if (!caller) throw new VotestreamError('UNAUTHENTICATED')
  if (scope !== 'any' && !caller.scopes.has(scope)) throw new VotestreamError('WRONG_SCOPE')
  const acts = ownership === 'self' || ownership === 'owner'
  if (acts && caller.voter === undefined) throw new VotestreamError('WRONG_SCOPE')
}

/**
 * Once it is known whose the object is.
 * @throws VotestreamError WRONG_USER, or that there is no such object where the caller may not know of it.
 */
export const authorizeObject = (operation: Operation, caller: Caller, owner: VoterNumber): void => {
  const { ownership, hidden = 'INTERNAL' } = POLICY[operation]
  if (ownership === 'none' || caller.voter === owner) return
  if (ownership === 'owner') throw new VotestreamError(hidden)
  if (ownership === 'creator-or-admin' && caller.scopes.has('admin')) return
  throw new VotestreamError('WRONG_USER')
}
