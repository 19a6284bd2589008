import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { createLogger } from '@votestream/infra/logging'
import { NO_TRACING, type OpenSpan } from '@votestream/infra/telemetry/tracing'
import { createRequestLog, type RequestLogOptions } from '../../src/request-log.js'
import { traceFields } from '../../src/request-trace.js'
import { createRequestTraces } from '../../src/request-traces.js'
import { createInertServer } from './inert-server.js'

const TRACE_PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const REQUEST = {
  method: 'GET',
  url: '/v1/event/x/leaderboard?access_token=secret',
  headers: { traceparent: TRACE_PARENT, authorization: 'Bearer secret', 'x-forwarded-for': '192.0.2.1' },
}

describe('the log of requests', () => {
  const start = (options: Partial<RequestLogOptions>) => {
    const lines: Record<string, unknown>[] = []
    const destination = { write: (line: string) => lines.push(JSON.parse(line)) }
    const logger = createLogger('test', 'info', { destination, linesPerSecondMax: 1_000_000 })
    const log = createRequestLog({ logger, ratio: 0, slowMs: 1_000, now: () => 5_000, ...options })
    return { log, lines }
  }

  it('has a share of them', () => {
    for (const [ratio, least, most] of [
      [0, 0, 0],
      [0.01, 50, 200],
      [1, 10_000, 10_000],
    ] as const) {
      const { log, lines } = start({ ratio })
      for (let n = 0; n < 10_000; n++) log.answered(REQUEST, 200, 4_999)
      assert.ok(lines.length >= least && lines.length <= most, `${ratio}: ${lines.length}`)
    }
  })

  it('has every one that was slow', () => {
    const { log, lines } = start({ ratio: 0 })
    log.answered(REQUEST, 200, 4_001)
    log.answered(REQUEST, 200, 4_000)
    assert.deepEqual(
      lines.map(({ message, 'event.duration': duration }) => [message, duration]),
      [['a request was slow', 1_000_000_000]],
    )
  })

  it('says what was asked and what came of it, and neither who asked nor what follows the path', () => {
    const { log, lines } = start({ ratio: 1 })
    log.answered(REQUEST, 404, 4_987.5)
    log.answered(
      { ...REQUEST, headers: { traceparent: 'nonsense' }, url: `/${'x'.repeat(5_000)}` },
      200,
      5_000,
    )
    const [line, other] = lines
    assert.deepEqual(
      Object.fromEntries(
        Object.entries(line ?? {}).filter(([name]) => !/^(@|ecs|log|service|process)/.test(name)),
      ),
      {
        'event.dataset': 'votestream.test',
        'http.request.method': 'GET',
        'url.path': '/v1/event/x/leaderboard',
        'trace.id': '0af7651916cd43dd8448eb211c80319c',
        'span.id': 'b7ad6b7169203331',
        'http.response.status_code': 404,
        'event.duration': 12_500_000,
        'event.outcome': 'failure',
        message: 'a request',
      },
    )
    assert.deepEqual([other?.['trace.id'], other?.['event.outcome']], [undefined, 'success'])
    assert.equal(String(other?.['url.path']).length, 200)
    assert.doesNotMatch(JSON.stringify(lines), /secret|192\.0\.2/)
  })
})

describe('the trace of a line', () => {
  it('is that of our own span, or of the client’s trace context, also of a later version, or none', () => {
    const ids = { 'trace.id': '0af7651916cd43dd8448eb211c80319c', 'span.id': 'b7ad6b7169203331' }
    assert.deepEqual(traceFields({ traceParent: TRACE_PARENT }), ids)
    assert.deepEqual(traceFields({ traceParent: TRACE_PARENT.replace(/^00/, 'cc').concat('-more') }), ids)
    for (const bad of [undefined, '', TRACE_PARENT.slice(1), [TRACE_PARENT, TRACE_PARENT]])
      assert.deepEqual(traceFields({ traceParent: bad }), {})
    const context = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }
    assert.deepEqual(traceFields({ traceParent: TRACE_PARENT, trace: { context } }), {
      'trace.id': context.traceId,
      'span.id': context.spanId,
    })
  })
})

describe('a failure of a request that is sampled', () => {
  it('is told of with the request’s own span, by the door and by the router', async () => {
    const lines: Record<string, unknown>[] = []
    const destination = { write: (line: string) => lines.push(JSON.parse(line)) }
    const context = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }
    const span: OpenSpan = { context, child: () => span, set: () => undefined, end: () => undefined }
    const failing = (): never => {
      throw new Error('it broke')
    }
    const app = await createInertServer({
      logger: createLogger('test', 'info', { destination }),
      traces: createRequestTraces({
        ...NO_TRACING,
        on: true,
        decide: () => ({ parent: undefined }),
        begin: () => span,
      }),
      admission: { enter: failing, enterOpen: failing, visit: failing },
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    for (const query of ['', '?routed'])
      await fetch(`http://127.0.0.1:${port}/v1/vote/submit${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', traceparent: TRACE_PARENT },
        body: '{}',
      })
    await app.close()
    assert.deepEqual(
      lines.map((line) => [line.message, line['trace.id'], line['span.id']]),
      [
        ['a request failed', context.traceId, context.spanId],
        ['a request failed', context.traceId, context.spanId],
      ],
    )
  })
})
