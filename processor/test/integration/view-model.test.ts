import assert from 'node:assert/strict'
import { createLogger } from '@votestream/infra/logging'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { type EventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { rejectedKey, tallyKey } from '@votestream/schema/redis-keys'
import { parseTally } from '@votestream/schema/tally'
import { bitPosition } from '@votestream/schema/voted-set'
import fc from 'fast-check'
import { type SequencedMessage, stretchCall } from '../../src/tally/stretch.js'
import { createView } from '../../src/tally/view.js'
import { decidedLog } from '../unit/decided-log.js'
import { FIRST_MS } from '../unit/random-log.js'
import { createViewModel } from '../view-model.js'

const shard = shardNumber(0)
const GENERATION = 'g'

const bitOf = (redis: Redis, key: typeof rejectedKey, event: EventNumber, voter: VoterNumber) => {
  const { chunk, offset } = bitPosition(voter, 2)
  return redis.getbit(key(shard, event, chunk), offset)
}

describe('the model of the view that the simulation counts with', () => {
  let servers: TestServers
  let redis: Redis

  before(async () => {
    servers = await startServersForTest(['redis'])
    redis = connectRedis({
      url: servers.get('redis').url,
      name: 'test',
      logger: createLogger('test', 'silent'),
    })
    await redisReady(redis, 5_000)
  })
  after(async () => {
    redis.disconnect()
    await servers.stop()
  })

  it('agrees with the script in Redis on every stretch: what it takes, refuses, counts and answers', async () => {
    const cuts = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.constantFrom('next', 'again', 'gap')))
    await fc.assert(
      fc.asyncProperty(
        decidedLog({ firstMs: FIRST_MS, messagesMin: 1 }),
        cuts,
        async (messages, stretches) => {
          await redis.flushall()
          const view = createView(redis, shard)
          const model = createViewModel()
          await view.clear(async () => ({ generation: GENERATION, firstSequence: 1, lastSequence: 0 }))
          model.mark('token')
          model.begin('token', GENERATION, 0)
          let at = 0
          for (const [length, how] of [...stretches, [messages.length, 'next'] as const]) {
            const previous = how === 'next' ? at : how === 'again' ? Math.max(0, at - 1) : at + 1
            const stretch = messages.slice(previous, previous + length)
            if (stretch.length === 0) continue
            const options = { shard, shards: 2, generation: GENERATION, previous }
            const answer = await view.apply(stretchCall(stretch, options))
            const modelled = model.apply(stretch, { generation: GENERATION, previous })
            assert.deepEqual(answer.applied ? answer.tallies : undefined, modelled)
            assert.deepEqual(await view.checkpoint(), model.checkpoint())
            if (answer.applied) at = previous + stretch.length
          }
          for (const [event, tally] of model.tallies) {
            const stored = Object.entries(await redis.hgetall(tallyKey(shard, event))).flat()
            assert.deepEqual(parseTally(stored), tally)
            const voters = [...model.voters(event)]
            const bits = await Promise.all(voters.map((voter) => bitOf(redis, rejectedKey, event, voter)))
            const rejected = voters.filter((_, index) => bits[index] === 1)
            assert.deepEqual(new Set(rejected), model.rejected(event))
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('of a view that is put back to how it was says what it said then', () => {
    fc.assert(
      fc.property(decidedLog({ firstMs: FIRST_MS, messagesMin: 2 }), (log) => {
        const model = createViewModel()
        model.mark('token')
        model.begin('token', GENERATION, 0)
        const apply = (message: SequencedMessage) =>
          model.apply([message], { generation: GENERATION, previous: message.sequence - 1 })
        const half = log.length >> 1
        for (const entry of log.slice(0, half)) apply(entry)
        const back = model.save()
        const answers = log.slice(half).map(apply)
        back()
        assert.deepEqual(log.slice(half).map(apply), answers)
      }),
    )
  })
})
