import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { createClientAddresses } from '../../src/client-address.js'
import { pageRoutes } from '../../src/page.js'
import { createInertServer } from './inert-server.js'

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

  it('is the one that limits go by on the public port, whatever is forged', async () => {
    // One server for each list of proxies: starting one takes longer than everything that it is asked.
    const asking = async (
      proxies: readonly string[],
      ask: (addressOf: (headers: Record<string, string>) => Promise<string>) => Promise<void>,
    ) => {
      const { trust } = createClientAddresses(proxies)
      const issue = (address: string) => address
      const app = await createInertServer({
        trustProxy: trust,
        plugins: [pageRoutes({ viewerTokens: { issue }, folder: '/nowhere' })],
      })
      const base = await app.listen({ port: 0, host: '127.0.0.1' })
      await ask(async (headers) => {
        const answer = await fetch(`${base}/viewer-token`, { method: 'POST', headers })
        return ((await answer.json()) as { token: string }).token
      })
      await app.close()
    }
    const forged = [
      { 'x-forwarded-for': '198.51.100.1' },
      { 'x-forwarded-for': '198.51.100.1, 127.0.0.1' },
      { forwarded: 'for=198.51.100.1', 'x-real-ip': '198.51.100.1', 'true-client-ip': '198.51.100.1' },
      { 'x-forwarded-for': 'nonsense', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    ]
    for (const proxies of [[], ['10.0.0.0/8']]) {
      await asking(proxies, async (addressOf) => {
        for (const headers of forged) assert.equal(await addressOf(headers), '127.0.0.1')
      })
    }
    // The nearest proxy is trusted, and says who came to it; what that one claimed is its own word.
    const chain = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9, 10.1.2.3' }
    await asking(['127.0.0.1', '10.0.0.0/8'], async (addressOf) => {
      assert.equal(await addressOf(chain), '203.0.113.9')
    })
    await asking(['127.0.0.1'], async (addressOf) => assert.equal(await addressOf(chain), '10.1.2.3'))
  })
})
