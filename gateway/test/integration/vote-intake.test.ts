import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Msg } from '@nats-io/nats-core'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { contestantIndex, eventNumber, shardNumber, voterNumber } from '@votestream/schema/numbers'
import { ingestSubject } from '@votestream/schema/subjects'
import { encodeOutcomes, submissionBatch, type Vote } from '@votestream/schema/votes'
import { createVoteIntake, type VoteIntake } from '../../src/votes.js'

describe('the batches of a gateway', () => {
  const logger = createLogger('test', 'silent')
  let servers: TestServers
  let nats: Nats
  let intake: VoteIntake
  /** Batches that came to the owner, and have no answer yet. */
  let asked: { message: Msg; votes: Vote[] }[]
  const arrived = new EventTarget()

  before(async () => {
    servers = await startServersForTest(['nats'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    nats.connection.subscribe(ingestSubject(shardNumber(0)), {
      callback: (_error, message) => {
        asked.push({ message, votes: submissionBatch.decode(message.data).votes })
        arrived.dispatchEvent(new Event('batch'))
      },
    })
    await nats.connection.flush()
  })
  after(async () => {
    await nats.close()
    await servers.stop()
  })
  beforeEach(() => {
    asked = []
    intake = createVoteIntake({ nats, shards: 1, logger })
  })

  const submit = (voter: number) =>
    intake.submit({
      event: eventNumber(1),
      voter: voterNumber(voter),
      contestant: contestantIndex(0),
      attempt: voter,
      clientTimestampMs: 0,
      deviceId: '',
      appVersion: '',
      channel: 1,
      traceId: '',
    })
  const batches = async (count: number) => {
    while (asked.length < count) await once(arrived, 'batch')
  }
  const voters = () => asked.map(({ votes }) => votes.map(({ voter }) => Number(voter)))
  const answer = ({ message, votes }: (typeof asked)[number]) =>
    message.respond(encodeOutcomes(votes.map(() => 'accepted')))

  it('a vote waits for nobody while there is no crowd', async () => {
    const first = submit(1)
    await batches(1)
    const second = submit(2)
    await batches(2)
    assert.deepEqual(voters(), [[1], [2]])
    for (const each of asked) answer(each)
    assert.deepEqual(await Promise.all([first, second]), ['accepted', 'accepted'])
  })

  it('in a crowd a second batch leaves once it is as large as the first one, or when that is answered', async () => {
    const all = [submit(1), submit(2), submit(3)]
    await batches(1)
    all.push(submit(4), submit(5))
    // A round trip later they would be there.
    await nats.connection.flush()
    await nats.connection.flush()
    assert.deepEqual(voters(), [[1, 2, 3]])
    all.push(submit(6))
    await batches(2)
    assert.deepEqual(voters(), [
      [1, 2, 3],
      [4, 5, 6],
    ])
    all.push(submit(7))
    for (const each of asked.slice(0, 2)) answer(each)
    await batches(3)
    assert.deepEqual(voters()[2], [7])
    for (const each of asked.slice(2)) answer(each)
    assert.deepEqual(new Set(await Promise.all(all)), new Set(['accepted']))
    await intake.stop()
  })
})
