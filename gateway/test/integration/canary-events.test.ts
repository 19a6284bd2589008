import assert from 'node:assert/strict'
import { decodeEvent, eventKey } from '@votestream/schema/event-record'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { startTestGateway, type TestGateway } from './test-gateway.js'

interface Answer {
  readonly data?: Record<string, { id: string; name: string; nodes: { name: string }[] } | null> | null
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[]
}

describe('canary events', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await startTestGateway()
  })
  after(() => gateway.stop())

  const ask = async (token: string, query: string, variables: object = {}): Promise<Answer> => {
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/graphql',
      headers: { authorization: `Bearer ${token}` },
      payload: { query, variables },
    })
    return answer.json()
  }
  const create = (token: string, name: string, canary?: boolean | null) => {
    const contestants = [{ name: 'A', description: 'a', imageUrl: 'https://a.example/a.png' }]
    const query = 'mutation($input: CreateEventInput!) { createEvent(input: $input) { id name } }'
    return ask(token, query, {
      input: { name, contestants, ...(canary === undefined ? {} : { canary }) },
    })
  }

  it('are made only by who has the scope for it', async () => {
    const before = await gateway.written()
    const refused = await create(gateway.userToken(7), 'Mine', true)
    assert.equal(refused.errors?.[0]?.extensions.code, 'WRONG_SCOPE')
    assert.equal(await gateway.written(), before)
    const checker = gateway.userToken(7, ['events', 'events:canary', 'results:read'])
    for (const token of [checker, gateway.userToken(8, ['admin'])]) {
      assert.equal((await create(token, 'Canary', true)).errors, undefined)
    }
    // The scope alone makes no event.
    const lacking = await create(gateway.userToken(7, ['events:canary']), 'Canary', true)
    assert.equal(lacking.errors?.[0]?.extensions.code, 'WRONG_SCOPE')
  })

  it('are marked in the catalog, found by their identifier, and in no list', async () => {
    const token = gateway.userToken(7, [...USER_SCOPES, 'events:canary'])
    const made = await create(token, 'A check', true)
    const plain = [await create(token, 'First', false), await create(token, 'Second', null)]
    const id = made.data?.createEvent?.id ?? ''
    const recordOf = async (eventId: string | undefined) => {
      const number = gateway.ids.parseEventId(eventId ?? '')
      assert.ok(number)
      const entry = await gateway.buckets.events.get(eventKey(number))
      assert.ok(entry)
      return decodeEvent(entry.value)
    }
    assert.equal((await recordOf(id)).canary, true)
    for (const { data } of plain) assert.ok(!('canary' in (await recordOf(data?.createEvent?.id))))
    const found = await ask(gateway.userToken(9), `{ event(id: "${id}") { id name } }`)
    assert.equal(found.data?.event?.name, 'A check')
    const listed = await ask(gateway.userToken(9), '{ events(first: 2) { nodes { name } } }')
    assert.deepEqual(
      listed.data?.events?.nodes.map(({ name }) => name),
      ['Second', 'First'],
    )
    // Closing one changes nothing of that.
    assert.equal((await ask(token, `mutation { closeEvent(id: "${id}") { id } }`)).errors, undefined)
    assert.equal((await recordOf(id)).canary, true)
  })
})
