import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { addressesOf, addressTable, privateHost } from '../../src/addresses.js'
import { parseEnvironment } from '../../src/environment.js'
import { importantText } from '../../src/log-files.js'
import { serviceSpec } from '../../src/service-specs.js'
import { compiledName } from '../../src/test-files.js'

describe('the table of addresses', () => {
  const table = {
    ...addressesOf(parseEnvironment({ REDIS_URL: 'redis://elsewhere:1', NATS_PORT: '5000' }, '/')),
    metricsHost: '127.0.0.1',
    metricsPorts: [9401, 9402],
    dataDir: '/data',
    analystPassword: 'for-analysts',
    admin: 'login kept in /data/secrets.json',
    demoEvent: { id: 'abc', name: 'The Grand Final' },
  }

  it('names every address, the one of a server elsewhere too', () => {
    const text = addressTable(table)
    for (const part of [
      'http://127.0.0.1:4000/v1',
      'nats://127.0.0.1:5000',
      'redis://elsewhere:1',
      'http://127.0.0.1:8123',
      'for-analysts',
      'http://127.0.0.1:9402/metrics',
      '/data',
      'login kept',
      'abc',
    ]) {
      assert.ok(text.includes(part), part)
    }
  })
})

describe('the address of the gateway', () => {
  it('is one of TLS where there is a certificate', () => {
    const given = { TLS_CERT_FILE: 'cert.pem', TLS_KEY_FILE: 'key.pem' }
    assert.equal(addressesOf(parseEnvironment(given, '/')).gatewayUrl, 'https://127.0.0.1:4000')
  })
})

describe('a private port', () => {
  it('is asked where it is open, and here where it is open everywhere', () => {
    assert.equal(privateHost({}), '127.0.0.1')
    assert.equal(privateHost({ METRICS_HOST: '0.0.0.0' }), '127.0.0.1')
    assert.equal(privateHost({ METRICS_HOST: '172.17.0.1' }), '172.17.0.1')
    assert.equal(privateHost({ METRICS_HOST: '::' }), '[::1]')
    assert.equal(privateHost({ METRICS_HOST: 'fd00::1' }), '[fd00::1]')
  })

  it('tells that its service is ready, on whatever address it is open', async () => {
    const server = createServer((_request, response) => response.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve))
    const address = server.address()
    assert.ok(typeof address === 'object' && address)
    const program = { root: '/', logFolder: '/', env: { METRICS_HOST: '127.0.0.2' } }
    assert.equal(await serviceSpec('ingest', address.port, program).isReady(), true)
    server.closeAllConnections()
    server.close()
  })
})

describe('a line of a log', () => {
  it('is shown when it is about an error', () => {
    assert.equal(importantText('{"log.level":"fatal","message":"the disk is full"}'), 'the disk is full')
    assert.equal(importantText('{"log.level":"error","message":"away"}'), 'away')
    const withCause = '{"log.level":"error","message":"away","error":{"message":"refused"}}'
    assert.equal(importantText(withCause), 'away: refused')
    assert.equal(importantText('[12] 2026/01/01 10:00:00.1 [ERR] no space'), '[ERR] no space')
  })

  it('is not shown otherwise', () => {
    for (const line of [
      '{"log.level":"info","message":"fine"}',
      '{"log.level":"warn","message":"hm"}',
      '{"log.level":"error"',
      'plain',
      '',
      '[12] 2026/01/01 1:0:0.1 [INF] x',
    ]) {
      assert.equal(importantText(line), undefined)
    }
  })
})

describe("a test's compiled file", () => {
  it('stands below dist of the same package', () => {
    assert.equal(compiledName('infra/test/unit/a/x.test.ts'), 'infra/dist/test/unit/a/x.test.js')
  })
})
