import { createLogger } from '@votestream/infra/logging'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import type { FastifyInstance } from 'fastify'
import { createHttpServer, type HttpServerOptions } from '../../src/http-server.js'
import { createOpenCounts } from '../../src/live/open-counts.js'
import { createTestAdmission } from '../test-admission.js'

const notExpected = (): never => {
  throw new Error('nothing of the kind was expected')
}

/** The public port with nothing behind it but what a test puts there. */
export const createInertServer = (overrides: Partial<HttpServerOptions> = {}): Promise<FastifyInstance> =>
  createHttpServer({
    accounts: { register: notExpected, login: notExpected },
    events: {
      create: notExpected,
      close: notExpected,
      read: notExpected,
      list: notExpected,
      leaderboard: notExpected,
    },
    voting: { submit: notExpected, find: notExpected, status: notExpected },
    decisions: { decide: notExpected },
    tokens: { stillValid: notExpected, onRevocation: notExpected },
    admission: createTestAdmission({ tokens: { verify: notExpected } }),
    ids: createOpaqueIds('a secret for tests'),
    liveBoards: { watch: notExpected },
    broadcasts: { follow: notExpected, size: 0 },
    connections: { users: createOpenCounts(1), addresses: createOpenCounts(1) },
    leaderboardMaxAgeSeconds: 1,
    expiryGraceMs: 0,
    drainMs: 0,
    logger: createLogger('test', 'silent'),
    missing: () => [],
    ...overrides,
  })
