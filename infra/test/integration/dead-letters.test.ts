import assert from 'node:assert/strict'
import { shardNumber } from '@votestream/schema/numbers'
import { DEAD_STREAM } from '@votestream/schema/subjects'
import { type DeadLetter, type DeadLetters, openDeadLetters } from '../../src/dead-letters.js'
import { createLogger } from '../../src/logging.js'
import { connectNats, type Nats } from '../../src/nats.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'

const GENERATION = '2026-11-25T04:49:05.123456789Z'

const letter = (sequence: number, more: Partial<DeadLetter> = {}): DeadLetter => ({
  shard: shardNumber(0),
  generation: GENERATION,
  sequence,
  storedAtMs: 1_700_000_000_000 + sequence,
  reasons: [`vote ${sequence}: voter 0`, 'of two\r\nlines “and more”'],
  data: Uint8Array.of(1, 2, 255, sequence),
  ...more,
})

describe('dead letters', function () {
  this.timeout(60_000)
  let servers: TestServers
  const connections: Nats[] = []
  let tally: DeadLetters
  let archive: DeadLetters

  const open = async (): Promise<DeadLetters> => {
    const logger = createLogger('dead-letters-test', 'silent')
    const nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    connections.push(nats)
    return openDeadLetters(nats, 1)
  }
  const listed = async (letters: DeadLetters, shard?: DeadLetter['shard']): Promise<DeadLetter[]> => {
    const found: DeadLetter[] = []
    for await (const one of letters.list(shard)) found.push({ ...one, data: Uint8Array.from(one.data) })
    return found
  }

  before(async () => {
    servers = await startServersForTest(['nats'])
    tally = await open()
    archive = await open()
  })
  after(async () => {
    for (const nats of connections) await nats.close()
    await servers?.stop()
  })
  beforeEach(async () => {
    await connections[0]?.jsm.streams.purge(DEAD_STREAM)
  })

  it('a message that two put aside, again and at once, is one letter, with everything it said', async () => {
    await Promise.all([tally.put(letter(3)), archive.put(letter(3))])
    await tally.put(letter(4))
    await archive.put(letter(3, { reasons: ['in the words of another version'] }))
    assert.deepEqual(await listed(archive), [letter(3), letter(4)])
  })

  it('are listed oldest first, of all shards or of one; other logs of a shard are told apart', async () => {
    const foreign = letter(1, { generation: '2026-11-25T04:49:05.12345678Z' })
    const other = letter(2, { shard: shardNumber(1) })
    for (const one of [letter(9), other, letter(12), foreign]) await tally.put(one)
    assert.deepEqual(await listed(archive), [letter(9), other, letter(12), foreign])
    assert.deepEqual(await listed(archive, other.shard), [other])
    assert.equal(await archive.lowest(shardNumber(0), GENERATION), 9)
    assert.equal(await archive.lowest(shardNumber(1), GENERATION), 2)
    assert.equal(await archive.lowest(shardNumber(0), foreign.generation), 1)
    assert.equal(await archive.lowest(shardNumber(2), GENERATION), undefined)
  })

  it('are removed one by one, and may be put again afterwards', async () => {
    for (const sequence of [1, 2, 3]) await tally.put(letter(sequence))
    await archive.remove(letter(1))
    assert.equal(await tally.lowest(shardNumber(0), GENERATION), 2)
    await tally.put(letter(1))
    assert.deepEqual(await listed(archive), [letter(2), letter(3), letter(1)])
  })

  it('name a bounded number of reasons, and leave data in the log that is too large to be copied', async () => {
    const reasons = Array.from({ length: 1_000 }, () => 'x'.repeat(100_000))
    await tally.put(letter(1, { reasons }))
    const largest = connections[0]?.connection.info?.max_payload ?? assert.fail()
    await tally.put(letter(2, { data: new Uint8Array(largest) }))
    const [long, large] = await listed(archive)
    assert.deepEqual(long?.reasons, [...Array.from({ length: 16 }, () => 'x'.repeat(200)), 'and 984 more'])
    assert.equal(large?.data.length, 0)
    assert.match(large?.reasons.at(-1) ?? '', /^not copied: \d+ bytes/)
  })

  it('outlive the broker, and are still there only once', async () => {
    await tally.put(letter(5))
    await servers.crash('nats')
    const later = await open()
    await later.put(letter(5))
    assert.deepEqual(await listed(later), [letter(5)])
  })
})
