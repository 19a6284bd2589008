// Mercurius with its compiled queries.

import { fastify } from 'fastify'
import mercurius from 'mercurius'
import { servePeer } from './peer.js'
import { openStockVotes, TYPE_DEFINITIONS } from './stock-votes.js'

servePeer(async (stores) => {
  const votes = await openStockVotes(stores)
  const app = fastify()
  await app.register(mercurius, {
    schema: TYPE_DEFINITIONS,
    resolvers: {
      Mutation: {
        submitVote: (_root, { input }, { reply }) =>
          votes.submit(reply.request.headers.authorization ?? '', input),
      },
    },
    jit: 1,
  })
  await app.ready()
  return app.server
})
