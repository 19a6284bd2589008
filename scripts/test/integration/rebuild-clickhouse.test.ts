import assert from 'node:assert/strict'
import { logPosition } from '@votestream/infra/log-reader'
import { openLeasesBucket } from '@votestream/infra/streams'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { EVENT, OTHER, type RebuildSystem, SHARDS, startRebuildSystem } from './rebuild-system.js'

const SHARD = 0 as Shard

describe('npm run rebuild -- --clickhouse', function () {
  this.timeout(120_000)
  let system: RebuildSystem

  before(async () => {
    system = await startRebuildSystem()
    const migrated = await system.run('migrate')
    assert.equal(migrated.status, 0, migrated.output)
    await system.startLanes()
    await system.vote(200)
    await caughtUp()
  })
  after(() => system?.stop())

  const command = (query: string) =>
    system.clickhouse.command({ query, clickhouse_settings: { mutations_sync: '2' } })
  const count = async (query: string): Promise<number> => {
    const result = await system.clickhouse.query({ query, format: 'JSONCompactEachRow' })
    const [[value] = []] = await result.json<[string]>()
    return Number(value)
  }
  const archivedTo = (shard: Shard) =>
    count(`SELECT max(archived_sequence) FROM archive_positions WHERE shard = ${shard}`)
  const caughtUp = async () => {
    for (const shard of allShards(SHARDS)) {
      const { lastSequence } = await logPosition(system.nats, shard)
      await system.until(async () => (await archivedTo(shard)) >= lastSequence)
    }
  }
  /** A row that stands for nothing, one that is missing, one that is wrong, and a window that is wrong. */
  const damage = async () => {
    await command(`INSERT INTO votes_log SELECT * REPLACE (voter + 2000000 AS voter)
      FROM votes_log WHERE event = ${EVENT} AND shard = 0 ORDER BY sequence, position LIMIT 1`)
    await command(`DELETE FROM votes_log WHERE event = ${EVENT} AND voter = 24`)
    await command(`INSERT INTO votes_log SELECT * REPLACE (contestant + 1 AS contestant)
      FROM votes_log WHERE event = ${EVENT} AND voter = 36 LIMIT 1`)
    await command(`INSERT INTO window_tallies SELECT * REPLACE (minute - INTERVAL 1 HOUR AS minute)
      FROM window_tallies FINAL WHERE event = ${EVENT} AND contestant = 2 AND shard = 0 LIMIT 1`)
    assert.notEqual(await system.differences(), '')
  }
  const agreed = async () => {
    assert.equal(await system.differences(), '')
    assert.equal(await count(`SELECT count() FROM votes_log WHERE voter > 2000000`), 0)
    assert.equal(await count(`SELECT count() FROM system.databases WHERE name LIKE 'votestream_%'`), 0)
  }
  const leaseOf = async (key: string) => (await (await openLeasesBucket(system.nats, 1)).get(key))?.string()
  const rebuilt = async (...args: string[]) => {
    const { status, output } = await system.run('rebuild', '--clickhouse', ...args)
    assert.equal(status, 0, output)
    return output
  }

  it('mends everything while votes arrive, and keeps what another log left', async () => {
    await command(`INSERT INTO votes_log SELECT * REPLACE ('2020-01-01T00:00:00Z' AS generation, 99 AS event)
      FROM votes_log WHERE event = ${OTHER} LIMIT 10`)
    const earlier = () => count('SELECT count() FROM votes_log FINAL WHERE event = 99')
    const kept = await earlier()
    await damage()
    const stopVoting = system.keepVoting()
    await rebuilt()
    await agreed()
    await stopVoting()
    await caughtUp()
    await agreed()
    assert.equal(await earlier(), kept)
  })

  it('mends one event while votes arrive, and writes no row of another one', async () => {
    await damage()
    await command(`INSERT INTO votes_log SELECT * REPLACE (voter + 2000000 AS voter)
      FROM votes_log WHERE event = ${OTHER} AND shard = 1 ORDER BY sequence, position LIMIT 1`)
    const stopVoting = system.keepVoting()
    const output = await rebuilt('--event', String(EVENT))
    await stopVoting()
    await caughtUp()
    assert.match(output, /shard 0: [1-9]\d* rows and 1 minutes of event 7 were wrong/)
    const spurious = (event: number) =>
      count(`SELECT count() FROM votes_log WHERE voter > 2000000 AND event = ${event}`)
    assert.deepEqual([await spurious(EVENT), await spurious(OTHER)], [0, 1])
    await command(`DELETE FROM votes_log WHERE voter > 2000000`)
    await agreed()
  })

  it('killed while it mends an event, it mends it when it is begun again', async () => {
    await damage()
    const one = system.begin('rebuild', '--clickhouse', '--event', String(EVENT))
    await system.until(async () => (await leaseOf('archive.0'))?.startsWith('rebuild') ?? false)
    one.child.kill('SIGKILL')
    await one.ended
    await rebuilt('--event', String(EVENT))
    await agreed()
  })

  it('killed in the middle, it goes on where it was when it is begun again', async () => {
    await system.vote(500)
    await caughtUp()
    await damage()
    const one = system.begin('rebuild', '--clickhouse')
    const shadowAt = () =>
      count('SELECT max(sequence) FROM votestream_rebuild.window_tallies WHERE event = 0').catch(() => 0)
    await system.until(async () => (await shadowAt()) > 0)
    one.child.kill('SIGKILL')
    await one.ended
    assert.match(await rebuilt(), /shard 0: going on at message [1-9]/)
    await agreed()
  })

  it('keeps what the log no longer holds', async () => {
    await caughtUp()
    const total = () => count(`SELECT sum(votes) FROM votes_per_minute WHERE event = ${EVENT}`)
    const votes = () => count(`SELECT count() FROM vote_outcomes WHERE event = ${EVENT}`)
    const before = [await total(), await votes()]
    const { lastSequence } = await logPosition(system.nats, SHARD)
    await system.nats.jsm.streams.purge(voteStream(SHARD), { seq: lastSequence - 10 })
    await rebuilt()
    await caughtUp()
    assert.deepEqual([await total(), await votes()], before)
    await agreed()
  })
})
