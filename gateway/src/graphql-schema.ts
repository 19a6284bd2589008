import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { printSchema } from 'graphql'
import { createSchema } from './graphql/schema.js'

const notRunning = (): never => {
  throw new Error('this schema only describes itself')
}

/** The GraphQL schema that the resolvers give, as it stands in schema/schema.graphql. */
export const emitGraphqlSchema = (): string =>
  `${printSchema(
    createSchema({
      accounts: { register: notRunning, login: notRunning, username: notRunning },
      events: {
        create: notRunning,
        close: notRunning,
        read: notRunning,
        list: notRunning,
        leaderboard: notRunning,
      },
      voting: { submit: notRunning, find: notRunning, status: notRunning },
      timelines: { read: notRunning },
      ids: createOpaqueIds('no identifier is made'),
      now: notRunning,
    }),
  )}\n`
