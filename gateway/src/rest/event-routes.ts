import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { invalidField, VotestreamError } from '@votestream/schema/errors'
import { requireIds, requireOwn } from '../identifiers.js'
import { repeatedName } from '../text-fields.js'
import type { RestDeps } from './routes.js'
import * as schemas from './schemas.js'

export const eventRoutes =
  ({ events, ids }: RestDeps): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const parse = (eventId: string) => requireIds({ event_id: ids.parseEventId(eventId) }).event_id

    app.post(
      '/v1/event/create',
      {
        schema: {
          operationId: 'createEvent',
          tags: ['events'],
          summary: 'Create an event',
          description: 'The event is open at once. Its creator or an admin closes it. Scope `events`.',
          body: schemas.createEventBody,
          response: {
            201: schemas.createEventAnswer,
            ...schemas.failures([
              ...schemas.BODY_FAILURES,
              'INVALID_ID',
              'UNAUTHENTICATED',
              'WRONG_SCOPE',
              'WRONG_USER',
            ]),
          },
        },
      },
      async (request, reply) => {
        const { body, caller } = request
        requireIds({ user_id: ids.parseUserId(body.user_id) })
        refuseRepeatedNames(body.contestants)
        requireOwn(caller, body.user_id)
        const draft = {
          name: body.event_name,
          contestants: body.contestants.map((contestant) => ({
            name: contestant.contestant_name,
            description: contestant.contestant_description,
            imageUrl: contestant.contestant_image_url,
          })),
          opensAtMs: null,
          closesAtMs: null,
        }
        const { record, id, contestantIds } = await events.create(caller, draft, request.deadline)
        reply.code(201)
        return {
          event_id: id,
          event_name: record.name,
          contestants: record.contestants.map(({ name }, index) => ({
            contestant_id: contestantIds[index] ?? '',
            contestant_name: name,
          })),
        }
      },
    )

    app.post(
      '/v1/event/:event_id/close',
      {
        schema: {
          operationId: 'closeEvent',
          tags: ['events'],
          summary: 'Close an event',
          description:
            'Answers when no later vote counts. Closing a closed event changes nothing. Scope `events`; only its ' +
            'creator or an admin. There is no body.',
          params: schemas.eventParams,
          response: {
            200: schemas.closeEventAnswer,
            ...schemas.failures([
              ...schemas.BODY_FAILURES,
              'INVALID_ID',
              'UNAUTHENTICATED',
              'WRONG_SCOPE',
              'WRONG_USER',
              'EVENT_NOT_FOUND',
              'VOTES_UNAVAILABLE',
            ]),
          },
        },
      },
      async (request) => {
        const { body, params, caller } = request
        refuseBody(body)
        const { record, id } = await events.close(caller, parse(params.event_id), request.deadline)
        return { event_id: id, event_name: record.name, status: 'closed' as const }
      },
    )

    app.get(
      '/v1/contestants/:event_id',
      {
        schema: {
          operationId: 'contestants',
          tags: ['events'],
          summary: "List an event's contestants",
          description: "In the event's own order. Scope `results:read`.",
          params: schemas.eventParams,
          response: {
            200: schemas.contestantsAnswer,
            ...schemas.failures(['INVALID_ID', 'UNAUTHENTICATED', 'WRONG_SCOPE', 'EVENT_NOT_FOUND']),
          },
        },
      },
      async ({ params, caller }) => {
        const { record, id, contestantIds } = await events.read(caller, parse(params.event_id))
        return {
          event_id: id,
          contestants: record.contestants.map(({ name, imageUrl }, index) => ({
            contestant_id: contestantIds[index] ?? '',
            contestant_name: name,
            contestant_image_url: imageUrl,
          })),
        }
      },
    )
    done()
  }

const refuseRepeatedNames = (contestants: readonly { contestant_name: string }[]): void => {
  const index = repeatedName(contestants.map(({ contestant_name: name }) => name))
  if (index === undefined) return
  throw invalidField(`contestants[${index}].contestant_name`, 'must differ from the names before it')
}

/** An operation without a body takes an empty object for none; any field is an unknown one. */
const refuseBody = (body: unknown): void => {
  if (body === undefined) return
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidField('body', 'must be empty')
  }
  const fields = Object.keys(body)
    .slice(0, 50)
    .map((field) => ({ field: field.slice(0, 200), message: 'is not a field of this operation' }))
  if (fields.length > 0) throw new VotestreamError('INVALID_FIELDS', { fields })
}
