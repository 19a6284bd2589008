import assert from 'node:assert/strict'
import { readEnvironment } from '../../../src/environment.js'
import { createLogger } from '../../../src/logging.js'
import { createOtlpTracing, type OtlpTracing } from '../../../src/telemetry/otlp-tracing.js'
import { LINKS_MAX, NO_STAGE, NO_TRACING, VOTE_SPANS_MAX } from '../../../src/telemetry/tracing.js'
import { telemetryVariables } from '../../../src/telemetry/variables.js'

const SPAN = 'b7ad6b7169203331'
const description = { name: 'ingest.0 send', kind: 'producer', attributes: {} } as const

describe('the stages of a batch', () => {
  let tracing: OtlpTracing
  const tracingOf = (variables: Record<string, string>): OtlpTracing =>
    createOtlpTracing({
      endpoint: 'http://127.0.0.1:1/v1/traces',
      environment: readEnvironment(telemetryVariables, variables),
      fromClientsPerSecondMax: 10,
      byLotPerSecondMax: 10,
      logger: createLogger('test', 'silent'),
      serviceName: 'test',
      instance: 'test',
      attributes: {},
    })
  before(() => {
    tracing = tracingOf({})
  })
  const begin = (by: OtlpTracing, carrier: Record<string, string>) => {
    const head = by.decide(carrier)
    assert(head)
    return by.begin(head, description)
  }

  const votes = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      traceId: (index + 1).toString(16).padStart(32, '0'),
      spanId: SPAN,
    }))

  it('are nothing where nothing is sampled, with tracing and without', () => {
    assert.equal(tracing.stage(description, []), NO_STAGE)
    assert.equal(NO_TRACING.stage(description, []), NO_STAGE)
  })

  it('let each vote go on in its own trace, the first few from a span of their own', () => {
    const given = votes(VOTE_SPANS_MAX + 5)
    const stage = tracing.stage(description, given)
    assert.deepEqual(
      stage.votes.map(({ traceId }) => traceId),
      given.map(({ traceId }) => traceId),
    )
    const own = stage.votes.filter(({ spanId }) => spanId !== SPAN)
    assert.equal(own.length, VOTE_SPANS_MAX)
    assert.equal(new Set(own.map(({ spanId }) => spanId)).size, VOTE_SPANS_MAX)
    assert(!given.some(({ traceId }) => traceId === stage.context?.traceId))
    stage.end()
  })

  it('make so many spans at most, however many votes are sampled', () => {
    const { waiting } = tracing.counts
    tracing.stage(description, votes(10 * LINKS_MAX)).end()
    assert.equal(tracing.counts.waiting - waiting, VOTE_SPANS_MAX + 1)
  })

  it('pass votes on as they came where this process does not trace', () => {
    const given = votes(3)
    const stage = NO_TRACING.stage(description, given)
    assert.deepEqual([stage.context, stage.votes], [undefined, given])
  })

  it('go on with the trace of a client, and with its state', () => {
    const traceparent = `00-${'a'.repeat(32)}-${SPAN}-01`
    const begun = begin(tracing, { traceparent, tracestate: 'a=1' })
    assert.deepEqual([begun.context.traceId, begun.context.traceState], ['a'.repeat(32), 'a=1'])
    assert.deepEqual(begun.child(description).context.traceState, 'a=1')
    assert.equal(begun.child(description).context.traceId, 'a'.repeat(32))
  })

  it('begin a trace under the name that a load balancer gave it, and the next one under another', () => {
    const xray = tracingOf({ OTEL_PROPAGATORS: 'xray', OTEL_TRACES_SAMPLER: 'parentbased_always_on' })
    const named = begin(xray, { 'x-amzn-trace-id': 'Root=1-6abcdef0-0123456789abcdef01234567' })
    assert.equal(named.context.traceId, '6abcdef00123456789abcdef01234567')
    const next = begin(xray, {})
    assert.notEqual(next.context.traceId, named.context.traceId)
    const seconds = Number.parseInt(next.context.traceId.slice(0, 8), 16)
    assert(Math.abs(seconds - Date.now() / 1_000) < 60)
  })
})
