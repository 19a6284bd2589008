import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { createLogger } from '@votestream/infra/logging'
import { openRevocationsBucket } from '@votestream/infra/streams'
import { voterNumber } from '@votestream/schema/numbers'
import { WebSocket } from 'ws'
import { watchRevocations } from '../../src/revocations.js'
import { startTestGateway, type TestGateway } from './test-gateway.js'

describe('tokens that are taken back', () => {
  let gateway: TestGateway
  let port: number
  let admin: string
  before(async () => {
    gateway = await startTestGateway()
    await gateway.app.listen({ port: 0, host: '127.0.0.1' })
    const address = gateway.app.server.address()
    port = typeof address === 'object' && address ? address.port : 0
    admin = gateway.userToken(1, ['admin'])
  })
  after(() => gateway.stop())
  // A token counts as issued at the beginning of its second, and is taken back where that was before.
  beforeEach(() => {
    gateway.nowMs = () => Date.now() - 5_000
  })

  const ask = async (query: string, token: string, variables = {}) => {
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      headers: { authorization: `Bearer ${token}` },
      payload: { query, variables },
    })
    const { data, errors } = answer.json()
    return { data, code: errors?.[0]?.extensions.code as string | undefined, errors }
  }
  const REVOKE = 'mutation($input: RevokeTokensInput!) { revokeTokens(input: $input) }'
  const revoke = (input: object, token = admin) => ask(REVOKE, token, { input })
  const codeOf = async (token: string) => (await ask('{ events { edges { cursor } } }', token)).code
  const refused = async (token: string) => {
    while ((await codeOf(token)) !== 'UNAUTHENTICATED') await pause(5)
  }

  it('are refused, one alone, within a second', async () => {
    const [token, other] = [gateway.userToken(7), gateway.userToken(8)]
    assert.equal(await codeOf(token), undefined)
    assert.deepEqual((await revoke({ token })).data, { revokeTokens: true })
    await refused(token)
    assert.equal(await codeOf(other), undefined)
  })

  it('end the sockets of their user, and nobody else’s', async () => {
    const open = async (voter: number) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws')
      await once(socket, 'open')
      const payload = { Authorization: `Bearer ${gateway.userToken(voter)}` }
      socket.send(JSON.stringify({ type: 'connection_init', payload }))
      await once(socket, 'message')
      return socket
    }
    const [socket, other] = [await open(17), await open(18)]
    const closed = once(socket, 'close')
    gateway.nowMs = Date.now
    const revokedAtMs = performance.now()
    assert.equal((await revoke({ userId: gateway.ids.userId(voterNumber(17)) })).code, undefined)
    assert.equal((await closed)[0], 4403)
    assert.ok(performance.now() - revokedAtMs < 1_000)
    assert.equal(other.readyState, WebSocket.OPEN)
    other.terminate()
  })

  it('are taken back by their own user, who may log in anew', async () => {
    const token = gateway.userToken(27)
    gateway.nowMs = Date.now
    assert.deepEqual((await ask('mutation { logout }', token)).data, { logout: true })
    await refused(token)
    gateway.nowMs = () => Date.now() + 2_000
    assert.equal(await codeOf(gateway.userToken(27)), undefined)
  })

  it('only by operators, who say which', async () => {
    const voter = gateway.userToken(37)
    assert.equal((await revoke({ all: true }, voter)).code, 'WRONG_SCOPE')
    const wrong = [
      {},
      { all: false },
      { all: true, token: voter },
      { token: 'x' },
      { token: voter, before: new Date() },
    ]
    for (const input of wrong) {
      const { code, errors } = await revoke(input)
      assert.equal(code, 'INVALID_FIELDS', JSON.stringify(input))
      assert.ok(errors[0].extensions.fields.length > 0)
    }
    assert.equal((await revoke({ userId: 'nobody' })).code, 'INVALID_ID')
    assert.equal(await codeOf(voter), undefined)
  })

  it('all, before a time', async () => {
    const before = gateway.userToken(47)
    gateway.nowMs = Date.now
    const after = gateway.userToken(47)
    assert.equal((await revoke({ all: true, before: new Date(Date.now() - 2_000) })).code, undefined)
    await refused(before)
    assert.equal(await codeOf(after), undefined)
  })

  it('are told to the operators when they are taken back, and not again by whoever starts later', async () => {
    const follow = async () => {
      const noted: (readonly [string, string | undefined])[] = []
      const { stop } = await watchRevocations({
        bucket: await openRevocationsBucket(gateway.nats, 1),
        logger: createLogger('test', 'silent'),
        security: { note: (event, details) => noted.push([event, details?.().userId]) },
        ids: gateway.ids,
      })
      return { noted, stop }
    }
    const one = await follow()
    const userId = gateway.ids.userId(voterNumber(27))
    await revoke({ token: gateway.userToken(26) })
    await revoke({ userId })
    while (one.noted.length < 2) await pause(5)
    const other = await follow()
    await revoke({ token: gateway.userToken(28) })
    while (one.noted.length < 3 || other.noted.length < 1) await pause(5)
    const told = [
      ['token-revoked', undefined],
      ['user-revoked', userId],
      ['token-revoked', undefined],
    ]
    assert.deepEqual([one.noted, other.noted], [told, told.slice(2)])
    one.stop()
    other.stop()
  })
})
