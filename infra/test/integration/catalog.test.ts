import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { KV } from '@nats-io/kv'
import { type EventRecord, encodeEvent, eventKey } from '@votestream/schema/event-record'
import { eventNumber, voterNumber } from '@votestream/schema/numbers'
import { type Catalog, watchCatalog } from '../../src/catalog.js'
import { createLogger } from '../../src/logging.js'
import { connectNats, type Nats } from '../../src/nats.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'
import { openEventsBucket } from '../../src/streams.js'

const logger = createLogger('test', 'silent')

const recordOf = (number: number, closesAtMs: number | null = null): EventRecord => ({
  version: 1,
  number: eventNumber(number),
  name: `Event ${number}`,
  createdBy: voterNumber(1),
  createdAtMs: 1,
  opensAtMs: null,
  closesAtMs,
  contestants: [{ name: 'A', description: 'a'.repeat(1_000), imageUrl: 'https://example.org/a.png' }],
})

describe('the catalog in memory', () => {
  let servers: TestServers
  let nats: Nats
  let bucket: KV
  let catalog: Catalog<EventRecord> | undefined

  before(async () => {
    servers = await startServersForTest(['nats'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
  })
  after(async () => {
    await nats.close()
    await servers.stop()
  })
  beforeEach(async () => {
    await (await openEventsBucket(nats, 1)).destroy()
    bucket = await openEventsBucket(nats, 1)
  })
  afterEach(() => catalog?.stop())

  const put = (record: EventRecord) => bucket.put(eventKey(record.number), encodeEvent(record))
  const watch = async (bytesMax?: number) => {
    catalog = await watchCatalog({
      bucket,
      logger,
      project: (record) => record,
      ...(bytesMax === undefined ? {} : { bytesMax }),
    })
    return catalog
  }

  it('is ready at once where there is no event, and then learns of the first', async () => {
    const seen = await watch()
    assert.equal(await seen.get(eventNumber(1)), undefined)
    await put(recordOf(1))
    while (!seen.peek(eventNumber(1))) await pause(5)
  })

  it('lists every event but the canaries, which are found by their numbers', async () => {
    await put(recordOf(1))
    await put({ ...recordOf(2), canary: true })
    const seen = await watch()
    assert.deepEqual(seen.newest(9), [1])
    await put({ ...recordOf(3), canary: true })
    await put(recordOf(4))
    while (!seen.peek(eventNumber(4))) await pause(5)
    assert.deepEqual(seen.newest(9), [4, 1])
    assert.equal(seen.peek(eventNumber(2))?.canary, true)
    assert.equal((await seen.get(eventNumber(3)))?.canary, true)
  })

  it('knows every event that was there before, and each change', async () => {
    for (let number = 1; number <= 30; number += 1) await put(recordOf(number))
    const seen = await watch()
    for (let number = 1; number <= 30; number += 1) assert.ok(seen.peek(eventNumber(number)))
    await put(recordOf(7, 99))
    while (seen.peek(eventNumber(7))?.closesAtMs !== 99) await pause(5)
  })

  it('reads an event through that memory had to let go', async () => {
    for (let number = 1; number <= 30; number += 1) await put(recordOf(number))
    const seen = await watch(5_000)
    const forgotten = Array.from({ length: 30 }, (_, index) => eventNumber(index + 1)).find(
      (number) => !seen.peek(number),
    )
    assert.ok(forgotten, 'memory is bounded')
    assert.equal((await seen.get(forgotten))?.name, `Event ${forgotten}`)
  })

  it('an older revision that comes late does not undo a newer one', async () => {
    const revision = await put(recordOf(1))
    const seen = await watch()
    const later = await put(recordOf(1, 99))
    seen.learn(recordOf(1, 99), later)
    seen.learn(recordOf(1), revision)
    assert.equal(seen.peek(eventNumber(1))?.closesAtMs, 99)
  })

  it('goes on after the broker was restarted', async () => {
    const seen = await watch()
    await put(recordOf(1))
    await servers.crash('nats')
    for (;;) {
      // The first tries may meet a broker that is still starting.
      if (await put(recordOf(2)).catch(() => undefined)) break
      await pause(50)
    }
    while (!seen.peek(eventNumber(2))) await pause(20)
  }).timeout(90_000)
})
