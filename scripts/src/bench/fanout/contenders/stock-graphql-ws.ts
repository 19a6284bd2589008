// graphql-ws as its documentation has it: every subscriber's operation is executed, and its answer written, by itself.

import { createServer } from 'node:http'
import { buildSchema, GraphQLObjectType } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { serve } from '../contender-process.js'
import { type ShownBoard, TYPE_DEFINITIONS } from '../shown-board.js'

const subscribers = new Set<(board: ShownBoard) => void>()
const schema = buildSchema(TYPE_DEFINITIONS)
const subscription = schema.getType('Subscription')
if (!(subscription instanceof GraphQLObjectType)) throw new Error('the schema has no subscription')
const field = subscription.getFields().leaderboardChanged
if (!field) throw new Error('the schema has no leaderboardChanged')
field.subscribe = () => boards()

/** The latest board, then each later one, for one subscriber. */
async function* boards() {
  let waiting: ShownBoard | undefined
  let wake = (): void => undefined
  const take = (board: ShownBoard): void => {
    waiting = board
    wake()
  }
  subscribers.add(take)
  try {
    for (;;) {
      while (!waiting) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const board = waiting
      waiting = undefined
      yield { leaderboardChanged: board }
    }
  } finally {
    subscribers.delete(take)
  }
}

const http = createServer()
useServer({ schema }, new WebSocketServer({ server: http, path: '/graphql', perMessageDeflate: false }))
serve(http, (board) => {
  for (const take of subscribers) take(board)
})
