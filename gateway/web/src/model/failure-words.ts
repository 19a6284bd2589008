/** What went wrong, for a person: a sentence, and whether trying again can help. */
export interface Failure {
  /** The service's code, or UNREACHABLE when nobody answered. */
  readonly code: string
  readonly sentence: string
  readonly mayPass: boolean
  /** The vote that stands, where the service names it. */
  readonly voteId?: string
}

const SENTENCES: Readonly<Record<string, string>> = {
  UNREACHABLE: 'Votestream cannot be reached at the moment.',
  WRONG_CREDENTIALS: 'The username or the password is wrong.',
  UNAUTHENTICATED: 'Your session has ended. Please sign in again.',
  WRONG_SCOPE: 'Your account is not allowed to do this.',
  WRONG_USER: 'Only the person who made this event, or an admin, may do this.',
  DUPLICATE_VOTE: 'You have already voted in this event. Each person has one vote.',
  VOTING_CLOSED: 'Voting in this event is over.',
  VOTING_NOT_OPEN: 'Voting in this event has not begun.',
  EVENT_NOT_FOUND: 'There is no such event.',
  INVALID_ID: 'There is no such event.',
  CONTESTANT_NOT_FOUND: 'This contestant is not part of the event.',
  RATE_LIMITED: 'Many people are here at once. Please wait a moment.',
  VOTES_UNAVAILABLE: 'Votes cannot be taken at the moment.',
  RESULTS_UNAVAILABLE: 'The results are being put together again.',
  OVERLOADED: 'Votestream is very busy. Please wait a moment.',
  TIMEOUT: 'The answer took too long.',
}

const PASSING = new Set([
  'UNREACHABLE',
  'RATE_LIMITED',
  'VOTES_UNAVAILABLE',
  'RESULTS_UNAVAILABLE',
  'STORE_UNAVAILABLE',
  'OVERLOADED',
  'TIMEOUT',
  'REQUEST_TIMEOUT',
  'INTERNAL',
])

/** `said` is the service's own sentence, for codes that have none here. */
export const failureOf = (code: string, said?: string, voteId?: string): Failure => ({
  code,
  sentence: SENTENCES[code] ?? said ?? 'Something went wrong on our side.',
  mayPass: PASSING.has(code),
  ...(voteId === undefined ? {} : { voteId }),
})
