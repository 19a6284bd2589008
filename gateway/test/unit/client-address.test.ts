import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { createClientAddresses } from '../../src/client-address.js'

describe('the address of a client', () => {
  const from = (remoteAddress: string, forwarded?: string): IncomingMessage => {
    const request = new IncomingMessage(
      Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress }),
    )
    if (forwarded !== undefined) request.headers['x-forwarded-for'] = forwarded
    return request
  }

  it('is that of its connection, whatever it claims, where no proxy is trusted', () => {
    assert.equal(createClientAddresses([]).of(from('192.0.2.7', '198.51.100.1')), '192.0.2.7')
  })

  it('is the last one that no trusted proxy vouches for', () => {
    const { of } = createClientAddresses(['10.0.0.0/8'])
    assert.equal(of(from('10.1.2.3', '198.51.100.1')), '198.51.100.1')
    assert.equal(of(from('10.1.2.3', '203.0.113.9, 198.51.100.1, 10.9.9.9')), '198.51.100.1')
    assert.equal(of(from('192.0.2.7', '198.51.100.1')), '192.0.2.7')
  })

  it('cannot be known behind what is no address', () => {
    assert.throws(() => createClientAddresses(['nonsense']), /invalid IP/)
  })
})
