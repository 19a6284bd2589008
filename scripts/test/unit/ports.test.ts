import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { parseEnvironment } from '../../src/environment.js'
import { findTakenPorts, portsOf, sharedPortSentence, takenPortsSentence } from '../../src/ports.js'

describe('a port that is taken', () => {
  it('gives one sentence that names the port and the variable that changes it', () => {
    assert.equal(
      takenPortsSentence([{ port: 4000, variable: 'GATEWAY_PORT' }]),
      'Port 4000 is taken: set GATEWAY_PORT to a free port, or stop what listens there.',
    )
  })

  it('several give one sentence as well, and none gives none', () => {
    const sentence = takenPortsSentence([
      { port: 4222, variable: 'NATS_PORT' },
      { port: 6379, variable: 'REDIS_PORT' },
    ])
    assert.equal(
      sentence,
      'Ports 4222 (NATS_PORT), 6379 (REDIS_PORT) are taken: set these variables to free ports, or stop what listens there.',
    )
    assert.equal(takenPortsSentence([]), undefined)
  })

  it('is found by trying, on whatever address of the machine somebody listens', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const use = { port: address.port, variable: 'GATEWAY_PORT' }
    assert.deepEqual(await findTakenPorts([use]), [use])
    await new Promise((resolve) => server.close(resolve))
    assert.deepEqual(await findTakenPorts([use]), [])
  })

  it('two of our own variables on one port are told before anything starts', () => {
    const uses = portsOf(parseEnvironment({ GATEWAY_PORT: '4222' }, '/'))
    assert.equal(
      sharedPortSentence(uses),
      'Port 4222 is named by GATEWAY_PORT and NATS_PORT: give each its own.',
    )
    assert.equal(sharedPortSentence(portsOf(parseEnvironment({}, '/'))), undefined)
  })

  it('the port of a server that runs elsewhere is not asked for', () => {
    const uses = portsOf(parseEnvironment({ NATS_URL: 'nats://elsewhere:4222' }, '/'))
    assert.ok(!uses.some(({ variable }) => variable === 'NATS_PORT'))
  })
})
