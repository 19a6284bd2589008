import { ERRORS } from '@votestream/schema/errors'
import type { Answer } from './ledger.js'

/** A vote as a client sends it, again and again with the same key until somebody answers. */
export interface Ballot {
  readonly userId: string
  readonly token: string
  readonly eventId: string
  readonly contestantId: string
  readonly key: string
}

export type Interface = 'rest' | 'graphql'
export type BallotAnswer = Pick<Answer, 'status' | 'code' | 'voteId'>

/** Longer than the service may take, so that what hangs is the service's doing. */
const TRY_TIMEOUT_MS = 6_500
const NO_ANSWER: BallotAnswer = { status: 0, code: 'no answer', voteId: '' }

/** One try. Never throws: that nobody answered is an answer, too. */
export const castBallot = async (
  gatewayUrl: string,
  ballot: Ballot,
  over: Interface,
): Promise<BallotAnswer> => {
  try {
    return over === 'rest' ? await overRest(gatewayUrl, ballot) : await overGraphql(gatewayUrl, ballot)
  } catch {
    return NO_ANSWER
  }
}

const overRest = async (gatewayUrl: string, ballot: Ballot): Promise<BallotAnswer> => {
  const response = await post(`${gatewayUrl}/v1/vote/submit`, ballot, {
    user_id: ballot.userId,
    event_id: ballot.eventId,
    contestant_id: ballot.contestantId,
    meta: { device_id: 'chaos', app_version: '1' },
  })
  // The shape of an answer or of problem details; what is missing reads as empty.
  const body = (await response.json()) as { vote_id?: string; code?: string }
  return { status: response.status, code: body.code ?? '', voteId: body.vote_id ?? '' }
}

const SUBMIT_VOTE = 'mutation Submit($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'

interface GraphqlAnswer {
  readonly data?: { readonly submitVote: { readonly id: string } } | null
  readonly errors?: readonly { readonly extensions?: { readonly code?: string; readonly voteId?: string } }[]
}

const overGraphql = async (gatewayUrl: string, ballot: Ballot): Promise<BallotAnswer> => {
  const { eventId, contestantId } = ballot
  const response = await post(`${gatewayUrl}/graphql`, ballot, {
    query: SUBMIT_VOTE,
    variables: { input: { eventId, contestantId, meta: { deviceId: 'chaos', appVersion: '1' } } },
  })
  const { data, errors } = (await response.json()) as GraphqlAnswer
  if (data?.submitVote) return { status: 200, code: '', voteId: data.submitVote.id }
  const { code = '', voteId = '' } = errors?.[0]?.extensions ?? {}
  const known: Readonly<Record<string, { status: number }>> = ERRORS
  return { status: known[code]?.status ?? response.status, code, voteId }
}

const post = (url: string, { token, key }: Ballot, body: object): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TRY_TIMEOUT_MS),
  })
