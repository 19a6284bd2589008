import assert from 'node:assert/strict'
import type { Shard } from '@votestream/schema/numbers'
import { voteSubject } from '@votestream/schema/subjects'
import { readLog } from '../../src/log-reader.js'
import { createLogger } from '../../src/logging.js'
import { connectNats, type Nats } from '../../src/nats.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'
import { ensureVoteStreams } from '../../src/streams.js'

const SHARD = 0 as Shard

describe('The log reader', function () {
  this.timeout(60_000)
  let servers: TestServers
  let nats: Nats

  before(async () => {
    servers = await startServersForTest(['nats'])
    const logger = createLogger('log-reader-test', 'silent')
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    await ensureVoteStreams(nats, { shards: 1, replicas: 1 })
  })
  after(async () => {
    await nats?.close()
    await servers?.stop()
  })

  it('hands out the last entries of the log though nothing follows them', async () => {
    const entries = 106
    for (let at = 0; at < entries; at += 1) await nats.js.publish(voteSubject(SHARD), Uint8Array.of(at))
    const ended = new AbortController()
    const giveUp = setTimeout(() => ended.abort(), 10_000)
    const sequences: number[] = []
    const log = readLog({ nats, shard: SHARD, fromSequence: 1, batchMax: 16, signal: ended.signal })
    for await (const batch of log) {
      sequences.push(...batch.map(({ sequence }) => sequence))
      if (sequences.length >= entries) break
    }
    clearTimeout(giveUp)
    assert.deepEqual(
      sequences,
      Array.from({ length: entries }, (_, index) => index + 1),
    )
  })

  it('ends when it is told to while it begins, though nobody writes', async () => {
    const ended = new AbortController()
    const log = readLog({ nats, shard: SHARD, fromSequence: 107, batchMax: 16, signal: ended.signal })
    const first = log.next()
    ended.abort()
    assert.deepEqual(await first, { value: undefined, done: true })
  })
})
