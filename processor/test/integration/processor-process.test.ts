import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from '@votestream/infra/servers/free-port'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { NO_EVENT } from '@votestream/schema/log-entries'
import { eventNumber, shardNumber, type VoterNumber } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { vote } from '../unit/random-log.js'
import { encoded, startTestTally, type TestTally } from './test-tally.js'

const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))
const SHARDS = 2
const shard = shardNumber(0)
const other = shardNumber(1)
const event = eventNumber(7)

const votes = (...voters: number[]) => ({
  votes: voters.map((voter) => vote({ event, voter: voter as VoterNumber, ackedAtMs: Date.now() })),
})

describe('the processor', function () {
  this.timeout(60_000)
  let test: TestTally
  let processor: ChildProcess | undefined
  let port: number

  before(async () => {
    test = await startTestTally(SHARDS)
    port = await freePort()
  })
  after(async () => {
    await kill()
    await test?.stop()
  })
  beforeEach(async () => {
    await kill()
    await test.reset()
  })

  const start = (): void => {
    processor = spawn(process.execPath, [main], {
      env: {
        ...process.env,
        NATS_URL: test.servers.get('nats').url,
        REDIS_URL: test.servers.get('redis').url,
        // Nobody is there: the tally does not wait for it.
        CLICKHOUSE_URL: 'http://127.0.0.1:1',
        PROCESSOR_METRICS_PORT: String(port),
        INSTANCE_NAME: 'processor-under-test',
        ID_SECRET: 'a secret for the tests of the processor, long enough',
        SHARDS: String(SHARDS),
        LOG_LEVEL: 'silent',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  }
  const kill = async (): Promise<void> => {
    if (processor === undefined || processor.exitCode !== null || processor.signalCode !== null) return
    const gone = once(processor, 'exit')
    processor.kill('SIGKILL')
    await gone
  }
  const page = async (path: string): Promise<string> => {
    try {
      return await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
    } catch {
      return 'nobody is there'
    }
  }

  it('killed, and run again over an empty Redis, has one letter for what nobody can read', async () => {
    await test.append(shard, votes(2, 4))
    const dead = await test.append(shard, Uint8Array.of(255, 255, 255))
    const last = await test.append(shard, votes(6))
    start()
    await test.reached(shard, last)
    await kill()
    await test.redis.flushall()
    start()
    await test.reached(shard, last)
    assert.equal((await test.tally(shard, event)).totals[0], 3)
    assert.equal((await test.tally(shard, NO_EVENT)).dead, 1)
    assert.deepEqual(
      (await test.letters()).map(({ sequence }) => sequence),
      [dead],
    )
  })

  it('is not ready while a shard is halted, and names it; the other shard goes on; without the message it is ready', async () => {
    const newer = Uint8Array.from(encoded(votes(4)))
    newer[1] = 3
    const before = await test.append(shard, votes(2))
    start()
    await test.until(async () => (await page('/readyz')) === 'ready\n')
    const unknown = await test.append(shard, newer)
    await test.append(shard, votes(6))
    const halted =
      `tally of shard 0 halted: message ${unknown} of its log cannot be read ` +
      '(LogMessage of version 3: this reader knows up to 2)'
    await test.until(async () => (await page('/readyz')) === `not ready: ${halted}\n`)
    assert.match(await page('/metrics'), /^votestream_shard_halted\{role="tally",shard="0"\} 1$/m)
    await test.reached(shard, before)
    await test.reached(other, await test.append(other, votes(1, 3)))
    await test.nats.jsm.streams.delete(voteStream(shard))
    await ensureVoteStreams(test.nats, { shards: SHARDS, replicas: 1 })
    await test.until(async () => (await page('/readyz')) === 'ready\n')
    assert.match(await page('/metrics'), /^votestream_shard_halted\{role="tally",shard="0"\} 0$/m)
    await test.reached(shard, await test.append(shard, votes(8)))
    assert.equal((await test.tally(shard, event)).totals[0], 1)
  })
})
