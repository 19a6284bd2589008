// The same by Fastify, with its compiled schemas.

import { fastify } from 'fastify'
import { servePeer } from './peer.js'

const id = { type: 'string' }

servePeer(async () => {
  const app = fastify()
  const body = {
    type: 'object',
    required: ['user_id', 'event_id', 'contestant_id'],
    properties: { user_id: id, event_id: id, contestant_id: id },
  }
  const answer = { 200: { type: 'object', properties: { vote_id: id } } }
  app.post<{ Body: { event_id: string } }>(
    '/v1/vote/submit',
    { schema: { body, response: answer } },
    async (request) => ({ vote_id: request.body.event_id }),
  )
  await app.ready()
  return app.server
})
