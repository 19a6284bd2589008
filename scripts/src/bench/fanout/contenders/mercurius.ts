// Mercurius with its own publish and subscribe, in memory, and compiled queries.

import { fastify } from 'fastify'
import mercurius from 'mercurius'
import { serve } from '../contender-process.js'
import { TYPE_DEFINITIONS } from '../shown-board.js'

const app = fastify()
await app.register(mercurius, {
  schema: TYPE_DEFINITIONS,
  resolvers: {
    Subscription: {
      leaderboardChanged: { subscribe: (_root, _args, { pubsub }) => pubsub.subscribe('BOARD') },
    },
  },
  subscription: true,
  jit: 1,
})
await app.ready()
serve(app.server, (board) => {
  app.graphql.pubsub.publish({ topic: 'BOARD', payload: { leaderboardChanged: board } })
})
