import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { requireIds } from '../identifiers.js'
import type { RestDeps } from './routes.js'
import * as schemas from './schemas.js'

export const decisionRoutes =
  ({ decisions, ids }: RestDeps): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/vote/:vote_id/decision',
      {
        schema: {
          operationId: 'decideVote',
          tags: ['votes'],
          summary: 'Reject or admit a vote',
          description:
            'Answers when the decision is durably written; tally, boards and archive follow. It stands against the ' +
            'closing of the event and against what was decided before, and can be reversed by another one. Scope ' +
            '`admin`.',
          params: schemas.voteParams,
          body: schemas.decisionBody,
          response: {
            200: schemas.decisionAnswer,
            ...schemas.failures([
              ...schemas.BODY_FAILURES,
              'INVALID_ID',
              'UNAUTHENTICATED',
              'WRONG_SCOPE',
              'VOTE_NOT_FOUND',
              'VOTES_UNAVAILABLE',
              'RESULTS_UNAVAILABLE',
            ]),
          },
        },
      },
      async (request) => {
        const { params, body, caller } = request
        const { verdict } = body
        const { vote_id: vote } = requireIds({ vote_id: ids.parseVoteId(params.vote_id) })
        await decisions.decide(caller, vote, verdict, request.deadline)
        return { vote_id: params.vote_id, verdict }
      },
    )
    done()
  }
