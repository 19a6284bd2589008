import { printSchema } from 'graphql'
import { createSchema } from './graphql/schema.js'
import { inertOperations, notRunning } from './inert.js'

/** The GraphQL schema that the resolvers give, as it stands in schema/schema.graphql. */
export const emitGraphqlSchema = (): string =>
  `${printSchema(createSchema({ ...inertOperations(), timelines: { read: notRunning }, now: notRunning }))}\n`
