import { createLogger } from '@votestream/infra/logging'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createHttpServer } from './http-server.js'

const notRunning = (): never => {
  throw new Error('these routes only describe themselves')
}

/** The OpenAPI document that the routes give, as it stands in schema/openapi.json. */
export const emitOpenapi = async (): Promise<string> => {
  const app = await createHttpServer({
    accounts: { register: notRunning, login: notRunning },
    events: {
      create: notRunning,
      close: notRunning,
      read: notRunning,
      list: notRunning,
      leaderboard: notRunning,
    },
    voting: { submit: notRunning, find: notRunning, status: notRunning },
    tokens: { verify: notRunning },
    ids: createOpaqueIds('no identifier is made'),
    logger: createLogger('openapi', 'silent'),
    missing: () => [],
  })
  const document = `${JSON.stringify(app.swagger(), undefined, 2)}\n`
  await app.close()
  return document
}
