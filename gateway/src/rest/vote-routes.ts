import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { requireIds } from '../identifiers.js'
import type { RestDeps } from './routes.js'
import * as schemas from './schemas.js'
import type { SubmitVote } from './submit-vote.js'

/** What comes here in its plainest form is answered by the vote door, in front of the router. */
export const SUBMIT_VOTE_PATH = '/v1/vote/submit'

export const voteRoutes =
  ({ voting, ids }: RestDeps, submitVote: SubmitVote): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      SUBMIT_VOTE_PATH,
      {
        schema: {
          operationId: 'submitVote',
          tags: ['votes'],
          summary: 'Submit a vote',
          description:
            'Answers once the vote is durably written. One user has one vote in one event. Scope `votes`. With an ' +
            '`Idempotency-Key` header (1 to 200 printable ASCII characters) a repeated request gets the first ' +
            "one's answer. The trace id of a W3C `traceparent` header is kept with the vote; one that is sampled is followed.",
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
      (request) => {
        const { body, headers, caller, deadline, trace } = request
        return submitVote({ body, headers, caller, deadline, trace: trace?.context })
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
