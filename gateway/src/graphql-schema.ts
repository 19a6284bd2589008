import { lexicographicSortSchema, printSchema } from 'graphql'
import { createSchema } from './graphql/schema.js'
import { inertOperations, notRunning } from './inert.js'

/**
 * The GraphQL schema that the resolvers give, as it stands in schema/schema.graphql. Sorted: decorators tell of a class when
 * its module is loaded, so that without it the text would depend on what else a process loaded first.
 */
export const emitGraphqlSchema = (): string => {
  const schema = createSchema({ ...inertOperations(), timelines: { read: notRunning }, now: notRunning })
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}
