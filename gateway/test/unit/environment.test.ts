import assert from 'node:assert/strict'
import { readGatewayEnvironment } from '../../src/environment.js'

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
