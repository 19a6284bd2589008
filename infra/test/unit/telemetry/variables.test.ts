import assert from 'node:assert/strict'
import { EnvironmentError, readEnvironment } from '../../../src/environment.js'
import { telemetryVariables, tracesEndpointOf } from '../../../src/telemetry/variables.js'

const read = (source: Record<string, string>) => readEnvironment(telemetryVariables, source)
const endpointOf = (source: Record<string, string>) => tracesEndpointOf(read(source))

describe('the variables of tracing', () => {
  it('export nothing where nothing is set, or where it is switched off', () => {
    const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
    assert.equal(endpointOf({}), undefined)
    assert.equal(endpointOf({ ...base, OTEL_SDK_DISABLED: 'true' }), undefined)
    assert.equal(endpointOf({ ...base, OTEL_TRACES_EXPORTER: 'none' }), undefined)
  })

  it('name where traces go, of all signals or of theirs alone', () => {
    assert.equal(endpointOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }), 'http://c:4318/v1/traces')
    assert.equal(endpointOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/x/' }), 'http://c:4318/x/v1/traces')
    const own = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/as-it-is',
    }
    assert.equal(endpointOf(own), 'http://t/as-it-is')
  })

  it('sample one request in a hundred, and go by the client, where nothing else is said', () => {
    const { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio, OTEL_PROPAGATORS: names } = read({})
    assert.deepEqual([sampler, ratio, names], ['parentbased_traceidratio', 0.01, ['tracecontext', 'baggage']])
  })

  it('read attributes with what is escaped in them', () => {
    const { OTEL_RESOURCE_ATTRIBUTES: attributes } = read({
      OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name=gateway-0, deployment.environment.name=a%2Cb',
    })
    assert.deepEqual(attributes, { 'k8s.pod.name': 'gateway-0', 'deployment.environment.name': 'a,b' })
  })

  it('tell every fault at once', () => {
    const wrong = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER: 'sometimes',
      OTEL_TRACES_SAMPLER_ARG: '2',
      OTEL_PROPAGATORS: 'tracecontext,b3',
      OTEL_RESOURCE_ATTRIBUTES: 'no value',
    }
    assert.throws(
      () => read(wrong),
      (error: unknown) =>
        error instanceof EnvironmentError &&
        Object.keys(wrong).every((name) => error.message.includes(`${name}:`)),
    )
  })
})
