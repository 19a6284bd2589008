import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

/** An operation that asks for a token: a key may come beside it, and instead of it never. */
const WITH_TOKEN = [{ bearer: [] }, { bearer: [], apiKey: [] }]

/** One that asks for none. */
export const WITHOUT_TOKEN = [{}, { apiKey: [] }]

/** What the OpenAPI document says beside the routes. */
export const OPENAPI: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Votestream REST v1',
      version: '1.0.0',
      description:
        'Live voting. A vote is answered with 200 only once it is durably written, and counts exactly once. ' +
        'A failure is problem details (RFC 9457) with a stable `code`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags: [
      { name: 'accounts', description: 'Users and their tokens.' },
      { name: 'events', description: 'Events and their contestants.' },
      { name: 'votes', description: 'Casting a vote, and what became of it.' },
      { name: 'results', description: 'Who leads.' },
    ],
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'From login, or an application token that the operator made.',
        },
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'x-api-key',
          description:
            'Of a client that has one: it goes by the plan of its key. Where the operator asks for one, a request without it is ' +
            '403 `API_KEY_REQUIRED`; one that is not known, or was revoked, is 403 `API_KEY_INVALID` everywhere.',
        },
      },
    },
    security: WITH_TOKEN,
  },
  refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`) },
}
