import assert from 'node:assert/strict'
import { limitsOf, readGatewayEnvironment } from '../../src/environment.js'
import { otlpMetricsUrl } from '../../src/rum/rum-variables.js'

const secrets = { JWT_SECRET: 'j'.repeat(32), ID_SECRET: 'i'.repeat(32) }

describe('the environment', () => {
  it('needs the two secrets alone', () => {
    const environment = readGatewayEnvironment(secrets)
    assert.equal(environment.GATEWAY_PORT, 4000)
    assert.equal(environment.GATEWAY_HOST, '127.0.0.1')
    assert.equal(environment.TOKEN_TTL, 86_400)
    assert.equal(environment.ADMIN_USERNAME, undefined)
    assert.equal(environment.GRAPHQL_SAFELIST, 'off')
  })

  it('names every fault at once', () => {
    const faulty = {
      GATEWAY_PORT: 'x',
      TOKEN_TTL: 'soon',
      GATEWAY_WORKERS: '0',
      ADMIN_PASSWORD: 'short',
      GRAPHQL_SAFELIST: 'on',
    }
    assert.throws(
      () => readGatewayEnvironment(faulty),
      ({ message }: Error) =>
        [...Object.keys(faulty), 'JWT_SECRET', 'ID_SECRET'].every((name) => message.includes(name)),
    )
  })

  it('has limits that are raised up to what an account may have, and never switched off', () => {
    const { service, apis, user, address } = limitsOf(readGatewayEnvironment(secrets))
    assert.deepEqual(service, { perSecond: 10_000, burst: 5_000 })
    assert.deepEqual(Object.values(apis), [undefined, undefined, undefined])
    assert.ok(user.perSecond < address.perSecond && address.perSecond < service.perSecond)
    const raised = readGatewayEnvironment({ ...secrets, RATE_LIMIT: '250000', REST_RATE_BURST: '7' })
    assert.deepEqual(limitsOf(raised).service, { perSecond: 250_000, burst: 5_000 })
    assert.deepEqual(limitsOf(raised).apis.rest, { perSecond: 250_000, burst: 7 })
    for (const name of [
      'RATE_LIMIT',
      'RATE_BURST',
      'GRAPHQL_RATE_LIMIT',
      'USER_RATE_LIMIT',
      'ADDRESS_RATE_BURST',
    ]) {
      for (const value of ['0', '-1', '250001', '1.5', 'none'])
        assert.throws(() => readGatewayEnvironment({ ...secrets, [name]: value }), new RegExp(`${name}: `))
    }
  })

  it('takes a share of page loads that measure, and exports only to where it is told', () => {
    assert.equal(readGatewayEnvironment(secrets).RUM_RATIO, 1)
    assert.equal(readGatewayEnvironment({ ...secrets, RUM_RATIO: '0' }).RUM_RATIO, 0)
    for (const value of ['-0.1', '1.1', 'all']) {
      assert.throws(() => readGatewayEnvironment({ ...secrets, RUM_RATIO: value }), /RUM_RATIO/)
    }
    const otlp = { ...secrets, RUM_OTLP: 'true' }
    assert.throws(() => readGatewayEnvironment(otlp), /RUM_OTLP: needs OTEL_EXPORTER_OTLP_ENDPOINT/)
    const common = readGatewayEnvironment({ ...otlp, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' })
    assert.equal(otlpMetricsUrl(common), 'http://c:4318/v1/metrics')
    const own = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m/push' }
    assert.equal(otlpMetricsUrl({ ...common, ...own }), 'http://m/push')
  })

  it('asks for long secrets in production', () => {
    const short = { JWT_SECRET: 'short', ID_SECRET: 'short' }
    readGatewayEnvironment(short)
    assert.throws(
      () => readGatewayEnvironment({ ...short, NODE_ENV: 'production' }),
      /JWT_SECRET[\s\S]*ID_SECRET/,
    )
    readGatewayEnvironment({ ...secrets, NODE_ENV: 'production' })
  })

  it('takes lower bounds than those of an API gateway, and no higher ones', () => {
    const bounds = { REQUEST_BYTES_MAX: 10_485_760, RESPONSE_BYTES_MAX: 10_485_760, HEADER_BYTES_MAX: 10_240 }
    for (const [name, most] of Object.entries(bounds)) {
      const read = (value: number) => readGatewayEnvironment({ ...secrets, [name]: String(value) })
      assert.equal(read(most)[name as keyof typeof bounds], most)
      assert.equal(read(2_048)[name as keyof typeof bounds], 2_048)
      assert.throws(() => read(most + 1), new RegExp(name))
    }
  })

  it('takes ten stages at most, each with a name of its own', () => {
    const read = (stages: string) =>
      readGatewayEnvironment({ ...secrets, WEBSOCKET_STAGES: stages }).WEBSOCKET_STAGES
    assert.deepEqual(read(' prod, beta-1 '), ['prod', 'beta-1'])
    const ten = Array.from({ length: 10 }, (_, index) => `s${index}`)
    assert.equal(read(ten.join(',')).length, 10)
    assert.throws(() => read([...ten, 's10'].join(',')), /WEBSOCKET_STAGES: names 11 stages; there may be 10/)
    assert.throws(() => read('prod,prod'), /twice/)
    for (const name of ['a/b', 'a b', '../x', 'ä']) assert.throws(() => read(name), /is no name/)
  })

  it('takes origins one by one', () => {
    const read = (origins: string) =>
      readGatewayEnvironment({ ...secrets, CORS_ORIGINS: origins }).CORS_ORIGINS
    assert.deepEqual(read('https://a.example, http://localhost:3000'), [
      'https://a.example',
      'http://localhost:3000',
    ])
    for (const faulty of [
      '*',
      'a.example',
      'https://a.example/',
      'https://a.example/x',
      'null',
      'HTTPS://A.example',
    ]) {
      assert.throws(() => read(faulty), /CORS_ORIGINS/, faulty)
    }
  })

  it('takes a certificate with its key alone', () => {
    assert.throws(() => readGatewayEnvironment({ ...secrets, TLS_CERT_FILE: 'a' }), /TLS_KEY_FILE/)
    assert.throws(() => readGatewayEnvironment({ ...secrets, TLS_KEY_FILE: 'a' }), /TLS_CERT_FILE/)
    readGatewayEnvironment({ ...secrets, TLS_CERT_FILE: 'a', TLS_KEY_FILE: 'b' })
  })
})
