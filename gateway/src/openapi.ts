import { createLogger } from '@votestream/infra/logging'
import { createHttpServer } from './http-server.js'
import { inertOperations, inertTokens, notRunning } from './inert.js'

/** The OpenAPI document that the routes give, as it stands in schema/openapi.json. */
export const emitOpenapi = async (): Promise<string> => {
  const app = await createHttpServer({
    ...inertOperations(),
    tokens: inertTokens,
    admission: { enter: notRunning, enterOpen: notRunning, visit: notRunning },
    logger: createLogger('openapi', 'silent'),
    missing: () => [],
  })
  const document = `${JSON.stringify(app.swagger(), undefined, 2)}\n`
  await app.close()
  return document
}
