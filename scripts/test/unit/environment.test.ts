import assert from 'node:assert/strict'
import { EnvironmentError } from '@votestream/infra/environment'
import { parseEnvironment } from '../../src/environment.js'

describe('the environment of a start', () => {
  it('needs no variable at all', () => {
    const environment = parseEnvironment({}, '/somewhere')
    assert.equal(environment.DATA_DIR, '/somewhere/.data')
    assert.equal(environment.GATEWAY_PORT, 4000)
    assert.equal(environment.SHARDS, 2)
    assert.equal(environment.TOKEN_TTL, '24h')
  })

  it('reports every fault at once', () => {
    const parse = () => parseEnvironment({ GATEWAY_PORT: 'x', SHARDS: '0', REDIS_URL: 'not an address' }, '/')
    assert.throws(parse, (error: Error) => {
      assert.ok(error instanceof EnvironmentError)
      for (const name of ['GATEWAY_PORT', 'SHARDS', 'REDIS_URL'])
        assert.match(error.message, new RegExp(name))
      return true
    })
  })

  it('an empty variable counts as unset', () => {
    assert.equal(parseEnvironment({ NATS_URL: '', GATEWAY_PORT: '' }, '/').NATS_URL, undefined)
  })

  it('production starts only with its secrets given', () => {
    assert.throws(() => parseEnvironment({ NODE_ENV: 'production' }, '/'), /JWT_SECRET[\s\S]*ID_SECRET/)
    parseEnvironment({ NODE_ENV: 'production', JWT_SECRET: 'j'.repeat(40), ID_SECRET: 'i'.repeat(40) }, '/')
  })
})
