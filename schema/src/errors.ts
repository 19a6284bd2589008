/**
 * The catalogue of errors that clients see. One code means one thing over REST and GraphQL; the sentence is
 * all that a client is told of the cause.
 */
export const ERRORS = {
  INVALID_FIELDS: { status: 400, sentence: 'Some fields are missing or invalid.' },
  INVALID_JSON: { status: 400, sentence: 'The body is not valid JSON.' },
  INVALID_REQUEST: { status: 400, sentence: 'The request is malformed.' },
  INVALID_ID: { status: 400, sentence: 'An identifier is malformed.' },
  UNAUTHENTICATED: { status: 401, sentence: 'A valid bearer token is required.' },
  WRONG_CREDENTIALS: { status: 401, sentence: 'The username or the password is wrong.' },
  WRONG_SCOPE: { status: 403, sentence: 'The token does not allow this operation.' },
  WRONG_USER: { status: 403, sentence: 'A token acts only for its own user.' },
  // 403, as with managed gateways, and not 401: that is for tokens, and a client answers it by logging in again, which
  // helps nobody who lacks a key.
  API_KEY_REQUIRED: { status: 403, sentence: 'An API key is required: send it as x-api-key.' },
  API_KEY_INVALID: { status: 403, sentence: 'There is no such API key, or it was revoked.' },
  // 403, as GraphOS Router answers a text that is not in its list: at 400 and 500 older Apollo clients give up sending
  // hashes for good. The same for a hash that nobody registered, so that nobody learns more by asking in another way.
  OPERATION_NOT_REGISTERED: {
    status: 403,
    sentence: 'This operation is not registered, and only registered ones run here.',
  },
  VOTING_NOT_OPEN: { status: 403, sentence: 'Voting in this event has not begun.' },
  VOTING_CLOSED: { status: 403, sentence: 'Voting in this event is over.' },
  ORIGIN_NOT_ALLOWED: { status: 403, sentence: 'Pages of this origin may not connect.' },
  EVENT_NOT_FOUND: { status: 404, sentence: 'There is no such event.' },
  CONTESTANT_NOT_FOUND: { status: 404, sentence: 'There is no such contestant in this event.' },
  VOTE_NOT_FOUND: { status: 404, sentence: 'There is no such vote.' },
  PLAN_NOT_FOUND: { status: 404, sentence: 'There is no such usage plan.' },
  API_KEY_NOT_FOUND: { status: 404, sentence: 'There is no such API key.' },
  ROUTE_NOT_FOUND: { status: 404, sentence: 'There is nothing at this path.' },
  METHOD_NOT_ALLOWED: { status: 405, sentence: 'This path does not support this method.' },
  REQUEST_TIMEOUT: { status: 408, sentence: 'The request did not arrive in time.' },
  USERNAME_TAKEN: { status: 409, sentence: 'The username is taken.' },
  PLAN_TAKEN: { status: 409, sentence: 'There is a usage plan of this name already.' },
  PLAN_IN_USE: { status: 409, sentence: 'There are API keys that go by this usage plan.' },
  API_KEY_REVOKED: { status: 409, sentence: 'The API key was revoked.' },
  API_KEY_IN_USE: { status: 409, sentence: 'The API key was not revoked.' },
  TOO_MANY: { status: 409, sentence: 'There are as many of these as there may be.' },
  DUPLICATE_VOTE: { status: 409, sentence: 'This user has already voted in this event.' },
  PAYLOAD_TOO_LARGE: { status: 413, sentence: 'The request body is too large.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, sentence: 'The body must be application/json.' },
  TOO_MANY_REVOCATIONS: {
    status: 409,
    sentence: 'Too many tokens and users are revoked one by one. Revoke all tokens before a time.',
  },
  RATE_LIMITED: { status: 429, sentence: 'Too many requests.' },
  QUOTA_EXCEEDED: { status: 429, sentence: 'The quota of this API key is used up.' },
  TOO_MANY_LOGINS: { status: 429, sentence: 'Too many logins have failed. Try again later.' },
  HEADERS_TOO_LARGE: { status: 431, sentence: 'The request line and headers are too large.' },
  INTERNAL: { status: 500, sentence: 'Something went wrong on our side.' },
  RESPONSE_TOO_LARGE: { status: 500, sentence: 'The response would be larger than allowed.' },
  VOTES_UNAVAILABLE: {
    status: 503,
    sentence: 'Votes cannot be taken at the moment. Nothing was lost: try again.',
  },
  RESULTS_UNAVAILABLE: { status: 503, sentence: 'Results are not available at the moment.' },
  STORE_UNAVAILABLE: { status: 503, sentence: 'The service cannot reach its storage at the moment.' },
  OVERLOADED: { status: 503, sentence: 'The service is busy. Try again.' },
  TIMEOUT: { status: 504, sentence: 'The request took too long.' },
} as const satisfies Record<string, { status: number; sentence: string }>

export type ErrorCode = keyof typeof ERRORS

export interface FieldFault {
  /** As the client wrote it, for example `contestants[2].contestant_name`. */
  readonly field: string
  readonly message: string
}

/** A limit that is used up, in a RATE_LIMITED. */
export interface LimitState {
  /** For example `user`. */
  readonly policy: string
  readonly perSecond: number
  readonly burst: number
  /** Tokens that are left. */
  readonly remaining: number
}

interface ErrorOptions {
  readonly fields?: readonly FieldFault[]
  /** The vote that stands, in a DUPLICATE_VOTE. */
  readonly voteId?: string
  /** When it makes sense to try again. */
  readonly retryAfterSeconds?: number
  readonly limit?: LimitState
  readonly cause?: unknown
}

/** An outcome that the client is told about, by its code. */
export class VotestreamError extends Error {
  override readonly name = 'VotestreamError'
  readonly code: ErrorCode
  readonly fields: readonly FieldFault[]
  readonly voteId: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly limit: LimitState | undefined

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(ERRORS[code].sentence, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fields = options.fields ?? []
    this.voteId = options.voteId
    this.retryAfterSeconds = options.retryAfterSeconds
    this.limit = options.limit
  }

  get status(): number {
    return ERRORS[this.code].status
  }
}

/** The error for one invalid field. */
export const invalidField = (field: string, message: string): VotestreamError =>
  new VotestreamError('INVALID_FIELDS', { fields: [{ field, message }] })
