import assert from 'node:assert/strict'
import { logPosition } from '@votestream/infra/log-reader'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { bodyAttacks } from '../hostile/bodies.js'
import { graphqlAttacks } from '../hostile/graphql.js'
import { syntaxAttacks } from '../hostile/http-syntax.js'
import { permissionAttacks } from '../hostile/permissions.js'
import { type Attack, openPlace, type Place, VOTE_PATH, voteOf, voteOperation } from '../hostile/place.js'
import { socketAttacks } from '../hostile/sockets.js'
import { tokenAttacks } from '../hostile/tokens.js'

const SHARDS = 2

/** What somebody who means ill may try, and what comes of it, over two live gateways as they run in production. */
describe('hostile inputs', function () {
  this.timeout(30_000)
  let place: Place

  before(async () => {
    place = await openPlace({ NODE_ENV: 'production', TOKEN_GRACE_SECONDS: '0' })
  })
  after(() => place?.stop())

  /** Of the log, all shards together. */
  const votesInLog = async (): Promise<number> => {
    const positions = await Promise.all(
      allShards(SHARDS).map((shard: Shard) => logPosition(place.system.nats, shard)),
    )
    return positions.reduce((sum, { lastSequence }) => sum + lastSequence, 0)
  }
  const accounts = async (): Promise<number> =>
    (await place.system.nats.jsm.streams.info('KV_accounts')).state.last_seq

  const tables: Readonly<Record<string, readonly Attack[]>> = {
    tokens: tokenAttacks,
    permissions: permissionAttacks,
    bodies: bodyAttacks,
    'the syntax of HTTP': syntaxAttacks,
    GraphQL: graphqlAttacks,
    sockets: socketAttacks,
  }

  it('are more than a hundred', () => {
    const attacks = Object.values(tables).flat()
    assert.ok(attacks.length >= 100, String(attacks.length))
    assert.equal(new Set(attacks.map(({ name }) => name)).size, attacks.length)
  })

  for (const [table, attacks] of Object.entries(tables)) {
    describe(table, () => {
      for (const { name, expect, send } of attacks) {
        it(name, async () => {
          const came = await send(place)
          const permitted = typeof expect === 'string' ? [expect] : expect
          assert.ok(permitted.includes(came), `${came}, and not ${permitted.join(' or ')}`)
        })
      }
    })
  }

  it('make no account and no vote, and leave every process at work', async () => {
    const before = [await votesInLog(), await accounts()]
    for (const { send, name } of [...tokenAttacks, ...bodyAttacks, ...graphqlAttacks]) {
      assert.ok(await send(place), name)
    }
    assert.deepEqual([await votesInLog(), await accounts()], before)
    for (const at of [0, 1])
      assert.equal((await place.ask({ method: 'GET', path: '/readyz', at })).status, 200)
  })

  it('of one voter, 500 at once by every way, are one vote', async () => {
    const { userId, token } = place.voter()
    const before = await votesInLog()
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, at) =>
        at % 2 === 0
          ? place.rest({ path: VOTE_PATH, token, body: voteOf(place, userId), at: at % 4 === 0 ? 0 : 1 })
          : place.graphql(voteOperation(place), { token, at: at % 4 === 1 ? 0 : 1 }),
      ),
    )
    const accepted = outcomes.filter((outcome) => outcome === '200')
    const duplicates = outcomes.filter((outcome) => outcome.endsWith('DUPLICATE_VOTE'))
    assert.deepEqual([accepted.length, duplicates.length], [1, 499], [...new Set(outcomes)].join())
    assert.equal(await votesInLog(), before + 1)
  })
})
