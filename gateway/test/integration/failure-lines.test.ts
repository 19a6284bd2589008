import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { createLogger } from '@votestream/infra/logging'
import { VotestreamError } from '@votestream/schema/errors'
import { voterNumber } from '@votestream/schema/numbers'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { createRequestLog } from '../../src/request-log.js'
import { callerOf, startTestGateway, type TestGateway } from './test-gateway.js'

const SUBMIT = 'mutation Cast($input: SubmitVoteInput!) { submitVote(input: $input) { id status } }'

const WAYS = ['door', 'route', 'apollo', 'operation door', 'socket'] as const

interface Line {
  readonly 'log.level': string
  readonly message: string
  readonly 'trace.id'?: string
  readonly 'span.id'?: string
  readonly 'url.path'?: string
  readonly 'http.response.status_code'?: number
  readonly 'event.duration'?: number
  readonly error?: { readonly code: string; readonly message: string; readonly stack_trace: string }
}

describe('what goes wrong with a request', () => {
  let gateway: TestGateway
  let event: { id: string; contestantIds: readonly string[] }
  let port: number
  let lines: Line[] = []
  let traces = 0

  before(async () => {
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const logger = createLogger('gateway-test', 'info', { destination })
    const requestLog = createRequestLog({ logger, ratio: 1, slowMs: 60_000 })
    gateway = await startTestGateway({ logger, requestLog, limits: { requestTimeoutMs: 500 } })
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    const draft = { name: 'Event', opensAtMs: null, closesAtMs: null, contestants }
    event = await gateway.events.create(callerOf(7), draft)
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    port = (gateway.app.server.address() as AddressInfo).port
    // From then on its door knows it.
    await ways.apollo('')
  })
  after(() => gateway.stop())
  beforeEach(() => {
    lines = []
  })

  const traceParent = () => {
    traces += 1
    const traceId = traces.toString(16).padStart(32, 'a')
    return { traceId, header: `00-${traceId}-b7ad6b7169203331-01` }
  }
  const post = async (path: string, type: string, body: unknown, traceparent: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.userToken(9)}`, 'content-type': type, traceparent },
      body: JSON.stringify(body),
    })
    await response.text()
  }
  const vote = () => ({
    user_id: gateway.ids.userId(voterNumber(9)),
    event_id: event.id,
    contestant_id: event.contestantIds[0],
  })
  const operation = () => ({
    query: SUBMIT,
    variables: { input: { eventId: event.id, contestantId: event.contestantIds[0] } },
  })
  const PLAIN = 'application/json'
  const ROUTED = 'application/json; charset=utf-8'
  const ways: Record<(typeof WAYS)[number], (traceparent: string) => Promise<void>> = {
    door: (traceparent) => post('/v1/vote/submit', PLAIN, vote(), traceparent),
    route: (traceparent) => post('/v1/vote/submit?password=hidden', ROUTED, vote(), traceparent),
    apollo: (traceparent) => post('/graphql', ROUTED, operation(), traceparent),
    'operation door': (traceparent) => post('/graphql', PLAIN, operation(), traceparent),
    async socket(traceparent) {
      const client = createClient({
        url: `ws://127.0.0.1:${port}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { Authorization: `Bearer ${gateway.userToken(9)}` },
        retryAttempts: 0,
      })
      for await (const _ of client.iterate({ ...operation(), extensions: { traceparent } })) break
      await client.dispose()
    },
  }
  const line = async (found: (line: Line) => boolean): Promise<Line> => {
    for (;;) {
      const known = lines.find(found)
      if (known) return known
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const failures: Record<string, [code: string, level: string, decide: TestGateway['decide']]> = {
    'an unforeseen error': ['INTERNAL', 'error', () => Promise.reject(new Error('the cause of it'))],
    'what is away': [
      'VOTES_UNAVAILABLE',
      'warn',
      () => Promise.reject(new VotestreamError('VOTES_UNAVAILABLE')),
    ],
    'what takes too long': ['TIMEOUT', 'warn', () => new Promise(() => undefined)],
  }

  for (const way of WAYS) {
    for (const [name, [code, level, decide]] of Object.entries(failures)) {
      it(`${name} is told of with its trace and its code, by the ${way}`, async () => {
        gateway.decide = decide
        const { traceId, header } = traceParent()
        await ways[way](header)
        const told = await line(({ error }) => error !== undefined)
        assert.deepEqual([told.error?.code, told['log.level'], told['trace.id']], [code, level, traceId])
        assert.equal(told['span.id'], 'b7ad6b7169203331')
        if (code === 'INTERNAL') assert.match(told.error?.stack_trace ?? '', /the cause of it/)
        assert.doesNotMatch(JSON.stringify(lines), /hidden|127\.0\.0\.1|"user/)
      })
    }
  }

  it('and what goes well has a line with its time, by doors and routes', async () => {
    gateway.decide = async () => 'accepted'
    for (const way of ['door', 'route', 'apollo', 'operation door'] as const) {
      lines = []
      const { traceId, header } = traceParent()
      await ways[way](header)
      const told = await line(({ message }) => message === 'a request')
      const path = way === 'door' || way === 'route' ? '/v1/vote/submit' : '/graphql'
      assert.deepEqual(
        [told['trace.id'], told['http.response.status_code'], told['url.path'], told.error],
        [traceId, 200, path, undefined],
      )
      assert.ok(Number(told['event.duration']) > 0)
    }
  })
})
