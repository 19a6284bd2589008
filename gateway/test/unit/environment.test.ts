import assert from 'node:assert/strict'
import { limitsOf, readGatewayEnvironment } from '../../src/environment.js'

const secrets = { JWT_SECRET: 'j'.repeat(32), ID_SECRET: 'i'.repeat(32) }

describe('the environment', () => {
  it('needs the two secrets alone', () => {
    const environment = readGatewayEnvironment(secrets)
    assert.equal(environment.GATEWAY_PORT, 4000)
    assert.equal(environment.GATEWAY_HOST, '127.0.0.1')
    assert.equal(environment.TOKEN_TTL, 86_400)
    assert.equal(environment.ADMIN_USERNAME, undefined)
  })

  it('names every fault at once', () => {
    const faulty = { GATEWAY_PORT: 'x', TOKEN_TTL: 'soon', GATEWAY_WORKERS: '0', ADMIN_PASSWORD: 'short' }
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

  it('asks for long secrets in production', () => {
    const short = { JWT_SECRET: 'short', ID_SECRET: 'short' }
    readGatewayEnvironment(short)
    assert.throws(
      () => readGatewayEnvironment({ ...short, NODE_ENV: 'production' }),
      /JWT_SECRET[\s\S]*ID_SECRET/,
    )
    readGatewayEnvironment({ ...secrets, NODE_ENV: 'production' })
  })
})
