import assert from 'node:assert/strict'
import { parse } from 'graphql'
import type { Safelist } from '../../src/graphql/safelist.js'
import { untilRemoved } from '../../src/graphql/until-removed.js'

const document = parse('subscription { leaderboardChanged(eventId: "e") { version } }')

const watched = () => {
  let waiting = 0
  const safelist: Safelist = {
    textOf: () => undefined,
    onRemoval() {
      waiting += 1
      return () => {
        waiting -= 1
      }
    },
  }
  return { safelist, waiting: () => waiting }
}

async function* failing(): AsyncGenerator<{ data: { n: number } }> {
  yield { data: { n: 1 } }
  throw new Error('its source failed')
}

describe('what is followed until its operation is removed', () => {
  it('leaves nobody waiting for the removal when it ends with a failure', async () => {
    const { safelist, waiting } = watched()
    const result = await untilRemoved(safelist, document, Promise.resolve(failing()))
    assert.ok(Symbol.asyncIterator in result)
    const iterator = result[Symbol.asyncIterator]()
    assert.deepEqual((await iterator.next()).value, { data: { n: 1 } })
    assert.equal(waiting(), 1)
    await assert.rejects(async () => iterator.next(), /its source failed/)
    assert.equal(waiting(), 0)
  })
})
