import { ERRORS, type ErrorCode } from '@votestream/schema/errors'
import { type Client, RequestError } from '../demo/client.js'
import type { Voter } from '../load/voters.js'
import type { VoteFate } from './ledger.js'
import type { ProbeApi } from './schedule.js'

export interface CanaryVote {
  readonly api: ProbeApi
  readonly voter: Voter
  readonly eventId: string
  readonly contestantId: string
}

/** What became of it, and why where it was not acknowledged. */
export interface VoteAnswer {
  readonly fate: VoteFate
  readonly isAnswered: boolean
  readonly why: string
}

export const SUBMIT_CANARY =
  'mutation SyntheticSubmit($input: SubmitVoteInput!) { submitVote(input: $input) { id } }'
const MARK = 'synthetic'

/** Once: what nobody answers is not sent again. */
export const castVote = async (client: Client, vote: CanaryVote): Promise<VoteAnswer> => {
  const { api, voter, eventId, contestantId } = vote
  const { token } = voter
  const at = new Date().toISOString()
  try {
    if (api === 'rest') {
      const body = {
        user_id: voter.userId,
        event_id: eventId,
        contestant_id: contestantId,
        client_timestamp: at,
        meta: { device_id: MARK },
      }
      await client.call('POST', '/v1/vote/submit', { token, body })
    } else {
      const input = { eventId, contestantId, clientTimestamp: at, meta: { deviceId: MARK } }
      await client.execute(SUBMIT_CANARY, { input }, { token })
    }
    return { fate: 'acknowledged', isAnswered: true, why: '' }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    return answerOf(error)
  }
}

const answerOf = ({ status, code }: RequestError): VoteAnswer => {
  if (status === 0) return { fate: 'uncertain', isAnswered: false, why: code }
  const known = Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].status : status
  // Where the service could not say what became of it, the vote may be in the log.
  return { fate: known >= 500 ? 'uncertain' : 'refused', isAnswered: true, why: code || String(status) }
}
