import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { WITHOUT_TOKEN } from './openapi-document.js'
import type { RestDeps } from './routes.js'
import * as schemas from './schemas.js'

export const accountRoutes =
  ({ accounts, ids }: RestDeps): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.post(
      '/v1/auth/login',
      {
        schema: {
          operationId: 'login',
          tags: ['accounts'],
          summary: 'Log in',
          description:
            'Gives a bearer token for the user. A wrong password and an unknown user look the same.',
          security: WITHOUT_TOKEN,
          body: schemas.loginBody,
          response: {
            200: schemas.loginAnswer,
            ...schemas.failures([
              ...schemas.BODY_FAILURES,
              'WRONG_CREDENTIALS',
              'TOO_MANY_LOGINS',
              'OVERLOADED',
            ]),
          },
        },
      },
      async ({ body: { username, password }, ip }) => {
        const { voter, token } = await accounts.login(username, password, ip)
        return { user_id: ids.userId(voter), token }
      },
    )

    app.post(
      '/v1/auth/register',
      {
        schema: {
          operationId: 'register',
          tags: ['accounts'],
          summary: 'Register a user',
          description: 'Needs a token with the scope `accounts:register`: an application token.',
          body: schemas.registerBody,
          response: {
            201: schemas.registerAnswer,
            ...schemas.failures([
              ...schemas.BODY_FAILURES,
              'UNAUTHENTICATED',
              'WRONG_SCOPE',
              'USERNAME_TAKEN',
              'OVERLOADED',
            ]),
          },
        },
      },
      async (request, reply) => {
        const { body, caller } = request
        const { username, password, email, date_of_birth: dateOfBirth } = body
        const registration = { username, password, email, dateOfBirth }
        const voter = await accounts.register(caller, registration, request.deadline)
        reply.code(201)
        return { user_id: ids.userId(voter) }
      },
    )
    done()
  }
