import { createLogger } from '@votestream/infra/logging'
import { createGraphql } from './graphql/graphql.js'
import { namedFields } from './graphql/of-operation.js'
import { createSchema } from './graphql/schema.js'
import { createHttpServer } from './http-server.js'
import { inertOperations, notRunning, inertTokens as tokens } from './inert.js'
import { pageRoutes } from './page.js'
import { type Operation, POLICY, type Rule } from './policy.js'
import type { NamedRoute } from './policy-routes.js'
import { rumRoutes } from './rum/rum-routes.js'

/** A row of the policy, with everything that goes by it. */
export interface PolicyRow extends Rule {
  readonly operation: Operation
  /** `POST /v1/vote/submit` */
  readonly routes: readonly string[]
  /** `Mutation.submitVote` */
  readonly fields: readonly string[]
}

/** The policy as the routes and the schema of this build go by it. @throws Error where one names no operation. */
export const readPolicy = async (): Promise<PolicyRow[]> => {
  const inert = { ...inertOperations(), timelines: { read: notRunning }, now: notRunning }
  const fields = namedFields(createSchema(inert))
  const routes = await routesOf(inert)
  // The table's keys are its operations.
  return (Object.keys(POLICY) as Operation[]).map((operation) => ({
    operation,
    ...POLICY[operation],
    routes: routes
      .filter((route) => route.operation === operation)
      .map(({ method, url }) => `${method} ${url}`),
    fields: fields.filter((field) => field.operation === operation).map(({ field }) => field),
  }))
}

const INERT_ADMISSION = {
  enter: notRunning,
  enterOpen: notRunning,
  enterFrom: notRunning,
  originOf: notRunning,
  charge: notRunning,
  visit: notRunning,
}

const INERT_RUM = { measured: notRunning, shifted: notRunning, erred: notRunning, beacon: notRunning }

const INERT_SOCKETS = {
  operationsPerSocketMax: 0,
  expiryGraceMs: 0,
  drainMs: 0,
  perSecondMax: 0,
  idleMs: 1,
  lifeMs: 1,
  stages: [],
}

type Inert = ReturnType<typeof inertOperations> & {
  readonly timelines: { read: typeof notRunning }
  readonly now: typeof notRunning
}

const routesOf = async (inert: Inert): Promise<NamedRoute[]> => {
  const logger = createLogger('policy', 'silent')
  const graphql = createGraphql({
    ...inert,
    tokens,
    admission: INERT_ADMISSION,
    logger,
    results: { parts: notRunning, board: notRunning },
    liveVotes: { watch: notRunning },
    addressOf: notRunning,
    introspection: true,
    sockets: INERT_SOCKETS,
  })
  const app = await createHttpServer({
    ...inert,
    tokens,
    admission: INERT_ADMISSION,
    logger,
    missing: () => [],
    plugins: [
      graphql.routes,
      pageRoutes({ viewerTokens: { issue: notRunning } }),
      rumRoutes({ metrics: INERT_RUM, crossOrigin: { mayConnect: notRunning } }),
    ],
  })
  const routes = app.namedRoutes()
  await app.close()
  // A built page has many files, and what answers GET answers HEAD.
  return routes.filter(({ method, url }) => method !== 'HEAD' && !/\*|\/assets\/|\.(?!json)\w+$/.test(url))
}

const COLUMNS = ['operation', 'scope', 'ownership', 'REST', 'GraphQL'] as const

/** As a table for a terminal, or in Markdown. */
export const policyTable = (rows: readonly PolicyRow[], { markdown }: { markdown: boolean }): string => {
  const cells = rows.flatMap(cellsOf)
  const widths = COLUMNS.map((name, at) => Math.max(name.length, ...cells.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[], fill = ' '): string => {
    const padded = widths.map((width, at) => (row[at] ?? '').padEnd(width, fill))
    return markdown ? `| ${padded.join(' | ')} |` : padded.join('  ').trimEnd()
  }
  return [line(COLUMNS), line([], '-'), ...cells.map((row) => line(row))].join('\n')
}

/** One line for each route or field: the first one holds the rule. */
const cellsOf = ({ operation, scope, ownership, hidden, routes, fields }: PolicyRow): string[][] => {
  const lines = Math.max(1, routes.length, fields.length)
  const rule = [operation, scope, hidden === undefined ? ownership : `${ownership}, else ${hidden}`]
  return Array.from({ length: lines }, (_, at) => [
    ...(at === 0 ? rule : ['', '', '']),
    routes[at] ?? '',
    fields[at] ?? '',
  ])
}
