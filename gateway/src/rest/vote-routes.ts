import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { CHANNEL } from '@votestream/schema/votes'
import { attemptOf, traceIdOf } from '../attempts.js'
import { requireIds, requireOwn } from '../identifiers.js'
import { parseDateTime } from '../text-fields.js'
import type { RestDeps } from './routes.js'
import * as schemas from './schemas.js'

export const voteRoutes =
  ({ voting, ids }: RestDeps): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/vote/submit',
      {
        // A timer and an abort signal for each vote would cost more than its parsing; how long a vote may wait
        // is bounded by the intake.
        config: { untimed: true },
        schema: {
          operationId: 'submitVote',
          tags: ['votes'],
          summary: 'Submit a vote',
          description:
            'Answers once the vote is durably written. One user has one vote in one event. Scope `votes`. With an ' +
            '`Idempotency-Key` header (1 to 200 printable ASCII characters) a repeated request gets the first ' +
            "one's answer. The trace id of a W3C `traceparent` header is kept with the vote.",
          body: schemas.submitVoteBody,
          response: {
            200: schemas.submitVoteAnswer,
            ...schemas.failures([
              ...schemas.BODY_FAILURES,
              'INVALID_ID',
              'UNAUTHENTICATED',
              'WRONG_SCOPE',
              'WRONG_USER',
              'VOTING_NOT_OPEN',
              'VOTING_CLOSED',
              'EVENT_NOT_FOUND',
              'CONTESTANT_NOT_FOUND',
              'DUPLICATE_VOTE',
              'VOTES_UNAVAILABLE',
            ]),
          },
        },
      },
      async ({ body, headers, caller }) => {
        const { user_id: userId, client_timestamp: clientTimestamp, meta } = body
        const named = requireIds({
          // What equals the token's own is well-formed.
          user_id: userId === caller.userId ? caller.voter : ids.parseUserId(userId),
          event_id: ids.parseEventId(body.event_id),
          contestant_id: ids.parseContestantId(body.contestant_id),
        })
        const attempt = attemptOf(headers['idempotency-key'])
        requireOwn(caller, userId)
        const { voteId } = await voting.submit(caller, {
          event: named.event_id,
          contestant: named.contestant_id,
          attempt,
          clientTimestampMs: clientTimestamp === undefined ? 0 : (parseDateTime(clientTimestamp) ?? 0),
          deviceId: meta?.device_id ?? '',
          appVersion: meta?.app_version ?? '',
          channel: CHANNEL.rest,
          traceId: traceIdOf(headers.traceparent),
        })
        return { vote_id: voteId }
      },
    )

    app.get(
      '/v1/vote/:vote_id/status',
      {
        schema: {
          operationId: 'voteStatus',
          tags: ['votes'],
          summary: "Ask for a vote's status",
          description: "Of one's own votes only. Scope `votes`.",
          params: schemas.voteParams,
          response: {
            200: schemas.voteStatusAnswer,
            ...schemas.failures([
              'INVALID_ID',
              'UNAUTHENTICATED',
              'WRONG_SCOPE',
              'VOTE_NOT_FOUND',
              'RESULTS_UNAVAILABLE',
            ]),
          },
        },
      },
      async ({ params, caller }) => {
        const { vote_id: vote } = requireIds({ vote_id: ids.parseVoteId(params.vote_id) })
        const { status, event } = await voting.status(caller, vote)
        return { vote_id: params.vote_id, vote_status: status, event_name: event.record.name }
      },
    )
    done()
  }
