import assert from 'node:assert/strict'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { eventNumber, voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import type { FastifyInstance } from 'fastify'
import { type ArchiveQueries, createArchiveQueries } from '../../src/archive-queries.js'
import { portOf } from '../raw-exchange.js'
import { createTestAdmission } from '../test-admission.js'
import { createInertServer } from '../unit/inert-server.js'
import { callerOf } from './test-gateway.js'

/** It would go on for a day. */
const ENDLESS = 'SELECT sum(number) AS endless FROM numbers(1e15)'
const RUNNING = `SELECT count() AS queries FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%processes%'`

describe('questions to the archive', () => {
  let servers: TestServers
  let archive: ArchiveQueries
  let app: FastifyInstance
  const clients: { close(): Promise<void> }[] = []
  before(async () => {
    servers = await startServersForTest(['clickhouse'])
    archive = connect(60_000)
    app = await createInertServer({
      admission: createTestAdmission({ tokens: { verify: () => callerOf(9, ['admin']) } }),
      limits: { requestTimeoutMs: 1_500 },
      decisions: {
        async decide(_caller, _vote, _verdict, deadline) {
          await archive.select(ENDLESS, {}, deadline)
          throw new Error('it has an end')
        },
      },
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
  })
  after(async () => {
    await app.close()
    await Promise.all(clients.map((client) => client.close()))
    await servers.stop()
  })

  const connect = (timeoutMs: number): ArchiveQueries => {
    const { url } = servers.get('clickhouse')
    const clickhouse = connectClickhouse({
      url,
      user: 'default',
      password: '',
      requestTimeoutMs: 2 * timeoutMs,
    })
    clients.push(clickhouse)
    return createArchiveQueries({ clickhouse, timeoutMs })
  }
  const running = async () => Number((await archive.select<{ queries: number }>(RUNNING, {}))[0]?.queries)
  const untilRunning = async (count: number) => {
    while ((await running()) !== count);
  }
  const decide = (signal?: AbortSignal) => {
    const vote = createOpaqueIds('a secret for tests').voteId(eventNumber(1), voterNumber(9))
    return fetch(`http://127.0.0.1:${portOf(app)}/v1/vote/${vote}/decision`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
      body: '{"verdict":"reject"}',
      ...(signal ? { signal } : {}),
    })
  }

  it('end on the server when the request that asks gets 504', async () => {
    const answer = decide()
    await untilRunning(1)
    assert.equal((await answer).status, 504)
    await untilRunning(0)
  })

  it('end on the server when the client of the request leaves', async () => {
    const leaving = new AbortController()
    const answer = decide(leaving.signal).catch(() => 'left')
    await untilRunning(1)
    leaving.abort()
    assert.equal(await answer, 'left')
    await untilRunning(0)
  })

  it('end on the server when they take longer than one may', async () => {
    await assert.rejects(connect(300).select(ENDLESS, {}), /not available/)
    await untilRunning(0)
  })
})
