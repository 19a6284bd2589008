import type { GraphQLSchema } from 'graphql'
import { GRAPHQL_PATH } from './graphql-path.js'

/** What an operation on a socket can name: each of its root fields is a route, as an API gateway calls it. */
export const ROUTES_MAX = 300
/** Names under which the same sockets are offered, each with a path of its own. */
export const STAGES_MAX = 10

const STAGE = /^[A-Za-z0-9_-]{1,128}$/

/** What is wrong with the names of stages; undefined: nothing. */
export const stagesFault = (stages: readonly string[]): string | undefined => {
  if (stages.length > STAGES_MAX) return `names ${stages.length} stages; there may be ${STAGES_MAX}`
  const faulty = stages.find((stage) => !STAGE.test(stage))
  if (faulty !== undefined) return `${faulty} is no name: letters, digits, _ and -, at most 128`
  return new Set(stages).size < stages.length ? 'names a stage twice' : undefined
}

/** Where sockets are opened: without a stage, and one path for each. */
export const socketPaths = (stages: readonly string[]): ReadonlySet<string> =>
  new Set([GRAPHQL_PATH, ...stages.map((stage) => `${GRAPHQL_PATH}/${stage}`)])

/** @throws Error for a schema with more routes than there may be */
export const checkRoutes = (schema: GraphQLSchema): void => {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  const routes = types.reduce((count, type) => count + Object.keys(type?.getFields() ?? {}).length, 0)
  if (routes > ROUTES_MAX) {
    throw new Error(`the schema has ${routes} operations for sockets; there may be ${ROUTES_MAX}`)
  }
}
