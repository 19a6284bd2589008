import type { IncomingHttpHeaders } from 'node:http'
import type { TraceContext } from '@votestream/infra/telemetry/trace-context'
import type { OpaqueIds } from '@votestream/schema/opaque-ids'
import { CHANNEL } from '@votestream/schema/votes'
import type { Static } from 'typebox'
import { attemptOf, traceIdOf } from '../attempts.js'
import type { Caller } from '../caller.js'
import type { Deadline } from '../deadlines.js'
import { requireIds, requireOwn } from '../identifiers.js'
import { parseDateTime } from '../text-fields.js'
import type { Voting } from '../voting.js'
import type { submitVoteAnswer, submitVoteBody } from './schemas.js'

export interface SubmitVoteRequest {
  /** As the schema has it. */
  readonly body: Static<typeof submitVoteBody>
  readonly headers: IncomingHttpHeaders
  readonly caller: Caller
  readonly deadline: Deadline
  /** Of a request that is sampled. */
  readonly trace: TraceContext | undefined
}

export type SubmitVote = (request: SubmitVoteRequest) => Promise<Static<typeof submitVoteAnswer>>

/** The operation as REST has it. @throws VotestreamError INVALID_ID, INVALID_FIELDS, WRONG_USER, and those of Voting.submit */
export const createSubmitVote =
  ({ voting, ids }: { readonly voting: Pick<Voting, 'submit'>; readonly ids: OpaqueIds }): SubmitVote =>
  async ({ body, headers, caller, deadline, trace }) => {
    const { user_id: userId, client_timestamp: clientTimestamp, meta } = body
    const named = requireIds({
      // What equals the token's own is well-formed.
      user_id: userId === caller.userId ? caller.voter : ids.parseUserId(userId),
      event_id: ids.parseEventId(body.event_id),
      contestant_id: ids.parseContestantId(body.contestant_id),
    })
    const attempt = attemptOf(headers['idempotency-key'])
    requireOwn(caller, userId)
    const ballot = {
      event: named.event_id,
      contestant: named.contestant_id,
      attempt,
      clientTimestampMs: clientTimestamp === undefined ? 0 : (parseDateTime(clientTimestamp) ?? 0),
      deviceId: meta?.device_id ?? '',
      appVersion: meta?.app_version ?? '',
      channel: CHANNEL.rest,
      traceId: trace?.traceId ?? traceIdOf(headers.traceparent),
      spanId: trace?.spanId,
      traceState: trace?.traceState,
    }
    const { voteId } = await voting.submit(caller, ballot, deadline)
    return { vote_id: voteId }
  }
