import { defaultFieldResolver, type GraphQLSchema } from 'graphql'
import { requireTime } from '../deadlines.js'
import type { GraphqlContext } from './context.js'

/**
 * Queries and mutations do not begin when nobody waits for their answer any more: the mutations of one operation run one
 * after the other, and its time may be up before the last one.
 */
export const beginInTime = (schema: GraphQLSchema): void => {
  for (const type of [schema.getQueryType(), schema.getMutationType()]) {
    for (const field of Object.values(type?.getFields() ?? {})) {
      const { resolve = defaultFieldResolver } = field
      field.resolve = (source, args, context: GraphqlContext, info) => {
        requireTime(context.deadline)
        return resolve(source, args, context, info)
      }
    }
  }
}
