import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createStore } from '@votestream/gateway/store'
import { openOperationsBucket } from '@votestream/infra/streams'
import { buildSchema } from 'graphql'
import { createOperationRegistry } from '../../src/operations/operation-registry.js'
import { readFiles } from '../../src/operations/registrable.js'
import { operationAttacks } from '../hostile/operations.js'
import { openPlace, type Place, VOTE_MUTATION, voteOperation } from '../hostile/place.js'

const SCHEMA = buildSchema(`
  type Query { me: ID }
  type Mutation { submitVote(input: SubmitVoteInput!): Vote! }
  type Vote { id: ID! }
  input SubmitVoteInput { eventId: ID! contestantId: ID! }
`)

/** Over two live gateways that run what is registered: one mutation, and what the live page asks for. */
describe('hostile operations', function () {
  this.timeout(30_000)
  let place: Place
  let registeredId: string

  before(async () => {
    place = await openPlace({ NODE_ENV: 'production', GRAPHQL_SAFELIST: 'only' })
    const registry = await openRegistry()
    const { registrable } = readFiles(SCHEMA, [{ name: 'vote.graphql', text: VOTE_MUTATION }])
    await registry.register(registrable)
    registeredId = registrable[0]?.operation.id ?? assert.fail()
    for (const at of [0, 1]) while ((await vote(at)) !== '200') await pause(20)
  })
  after(() => place?.stop())

  const openRegistry = async () => {
    const { nats } = place.system
    const bucket = await openOperationsBucket(nats, 1)
    return createOperationRegistry({ bucket, store: createStore(nats), now: Date.now })
  }
  /** Of somebody new each time. */
  const vote = (at: number) => place.graphql(voteOperation(place), { token: place.voter().token, at })

  for (const { name, expect, send } of operationAttacks) {
    it(name, async () => {
      // Twice: what was refused is not remembered as allowed.
      assert.deepEqual([await send(place), await send(place)], [expect, expect])
    })
  }

  it('of a registered one that was removed: no gateway runs it a second later', async () => {
    for (const at of [0, 1]) assert.equal(await vote(at), '200')
    const removedAtMs = performance.now()
    await (await openRegistry()).remove(registeredId)
    for (const at of [0, 1]) while ((await vote(at)) !== '403 OPERATION_NOT_REGISTERED') await pause(5)
    assert.ok(performance.now() - removedAtMs < 1_000)
  })

  it('are counted, each of them', async () => {
    const { metricsUrl = '' } = place.system.gateways[0] ?? {}
    const metrics = await (await fetch(metricsUrl)).text()
    const [, count] =
      /^votestream_security_events_total\{event="operation-refused"\} (\d+)$/m.exec(metrics) ?? []
    assert.ok(Number(count) >= operationAttacks.length, metrics)
  })
})
