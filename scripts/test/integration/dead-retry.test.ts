import assert from 'node:assert/strict'
import { holdLeases } from '@votestream/infra/leases'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { openLeasesBucket } from '@votestream/infra/streams'
import type { Shard } from '@votestream/schema/numbers'
import { tallyKey } from '@votestream/schema/redis-keys'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { EVENT, type RebuildSystem, SHARDS, startRebuildSystem } from './rebuild-system.js'

const SHARD = 0 as Shard
const COUNTED_NOW = 5

describe('npm run dead -- retry and discard', function () {
  this.timeout(90_000)
  let system: RebuildSystem
  let generation: string
  let unreadable: number
  let owners = 0
  let stopOwner: () => Promise<void>

  before(async () => {
    system = await startRebuildSystem()
    const migrated = await system.run('migrate')
    assert.equal(migrated.status, 0, migrated.output)
    await system.startLanes()
    await system.vote(20)
    unreadable = (await system.nats.js.publish(voteSubject(SHARD), Uint8Array.from([255, 1, 2]))).seq
    await system.until(async () => (await letters()).length === 1)
    generation = (await logPosition(system.nats, SHARD)).generation
    await system.until(async () => (await system.differences()) === '')
    const owner = await holdLeases({
      bucket: await openLeasesBucket(system.nats, 1),
      role: 'ingest',
      instance: 'ingest',
      shards: SHARDS,
      logger: createLogger('test', 'silent'),
      work: async (shard, signal) => {
        if (shard === SHARD) owners += 1
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      },
    })
    stopOwner = owner.stop
    await system.until(() => owners === 1)
  })
  after(async () => {
    await stopOwner?.()
    await system?.stop()
  })

  const letters = async (): Promise<number[]> => {
    const sequences: number[] = []
    for await (const { sequence } of system.deadLetters.list()) sequences.push(sequence)
    return sequences
  }

  const takeoverRows = async (): Promise<number> => {
    const query = "SELECT count() FROM votes_log FINAL WHERE kind = 'takeover'"
    const result = await system.clickhouse.query({ query, format: 'JSONCompactEachRow' })
    const [[rows] = []] = await result.json<[string]>()
    return Number(rows)
  }

  /** As a reader would have left it that could not read this message. */
  const putAside = async () => {
    const message = await system.nats.jsm.streams.getMessage(voteStream(SHARD), { seq: COUNTED_NOW })
    assert.ok(message)
    const letter = { shard: SHARD, generation, sequence: COUNTED_NOW, storedAtMs: Date.now() }
    await system.deadLetters.put({ ...letter, reasons: ['not known yet'], data: message.data })
    await system.redis.hincrby(tallyKey(SHARD, EVENT), 'entries', -16)
    await system.redis.hincrby(tallyKey(SHARD, EVENT), '1', -5)
    await system.redis.hincrby(tallyKey(SHARD, 0 as never), 'entries', 1)
    await system.redis.hincrby(tallyKey(SHARD, 0 as never), 'dead', 1)
    await system.clickhouse.command({
      query: `DELETE FROM votes_log WHERE shard = ${SHARD} AND sequence = ${COUNTED_NOW}`,
      clickhouse_settings: { mutations_sync: '2' },
    })
    await system.clickhouse.command({
      query: `INSERT INTO dead_entries
        SELECT 0, ${SHARD}, '${generation}', ${COUNTED_NOW}, 0, 'not known yet', now64(3)`,
    })
    assert.notEqual(await system.differences(), '')
  }

  it('counts what can be read by now, keeps what is still dead, and has the owner learn anew', async () => {
    await putAside()
    const takeovers = await takeoverRows()
    assert.ok(takeovers > 0)
    const { status, output } = await system.run('dead', 'retry')
    assert.equal(status, 1, output)
    assert.match(output, new RegExp(`Message ${unreadable} of shard 0 is kept: still dead: not a message`))
    assert.match(output, /1 of 2 are counted/)
    assert.deepEqual(await letters(), [unreadable])
    const books = await system.run('reconcile')
    assert.equal(books.status, 0, books.output)
    await system.until(() => owners === 2)
    // They stand among the rows that name no event.
    assert.equal(await takeoverRows(), takeovers)
    // What was archived before goes on from where it was.
    await system.vote(1)
    await system.until(async () => (await system.differences()) === '')
  })

  it('forgets only letters that are named, and only with --yes', async () => {
    const name = `${SHARD}:${unreadable}`
    for (const args of [[], ['everything', '--yes'], ['1:99', '--yes']]) {
      assert.equal((await system.run('dead', 'discard', ...args)).status, 2)
    }
    assert.equal((await system.run('dead', 'discard', name)).status, 1)
    assert.deepEqual(await letters(), [unreadable])
    assert.equal((await system.run('dead', 'discard', name, '--yes')).status, 0)
    assert.deepEqual(await letters(), [])
  })
})
