import assert from 'node:assert/strict'
import type { ClickHouseClient } from '@votestream/infra/clickhouse'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { openLeasesBucket } from '@votestream/infra/streams'
import { allShards, type Shard } from '@votestream/schema/numbers'
import { voteStream } from '@votestream/schema/subjects'
import { rebuildClickhouseEvent } from '../../src/rebuild/clickhouse-event.js'
import { createClickhouseShadow } from '../../src/rebuild/clickhouse-shadow.js'
import { refusingHalts } from '../../src/rebuild/context.js'
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

  const isDeleting = async (table: string) =>
    (await count(`SELECT count() FROM system.mutations WHERE table = '${table}' AND NOT is_done`)) > 0
  /** Begins to mend the event, and dies when the rows that are not right are about to be taken away. */
  const killedWhileItDeletes = async () => {
    const one = system.begin('rebuild', '--clickhouse', '--event', String(EVENT))
    await system.until(() => isDeleting('votes_log'))
    one.child.kill('SIGKILL')
    await one.ended
  }

  it('killed while it mends an event, it mends it when it is begun again', async () => {
    await damage()
    await command('SYSTEM STOP MERGES votes_log')
    await killedWhileItDeletes()
    const two = system.begin('rebuild', '--clickhouse', '--event', String(EVENT))
    // What the first one looks at must not be made anew before.
    await system.until(() => two.said().includes('waiting for the deletion') || two.child.exitCode !== null)
    await command('SYSTEM START MERGES votes_log')
    const { status, output } = await two.ended
    assert.equal(status, 0, output)
    await agreed()
  })

  type Clickhouse = Pick<ClickHouseClient, 'query' | 'command'>
  /** What mends the event here, by a client of which something else becomes on the way. */
  const mendedBy = async (changed: Partial<Clickhouse>, say: (line: string) => void = () => {}) => {
    const { nats, redis, deadLetters } = system
    const context = {
      ...{ nats, redis, deadLetters, halts: refusingHalts, shards: SHARDS, instance: 'rebuild-test', say },
      clickhouse: Object.assign(Object.create(system.clickhouse), changed) as ClickHouseClient,
      bucket: await openLeasesBucket(nats, 1),
      logger: createLogger('test', 'silent'),
    }
    await rebuildClickhouseEvent(context, EVENT, [SHARD])
  }

  it('mends an event only when nothing is being deleted any more', async () => {
    const beginDeleting = () => command('SYSTEM START MERGES window_tallies')
    let isAsked = false
    await command('SYSTEM STOP MERGES window_tallies')
    const query: Clickhouse['query'] = async (asked: Parameters<Clickhouse['query']>[0]) => {
      if (!isAsked && asked.query.includes('FROM window_tallies')) {
        isAsked = true
        // Of the archive that is about to lose its lease.
        await system.clickhouse.command({
          query: `ALTER TABLE window_tallies DELETE WHERE event = ${EVENT} AND shard = ${SHARD}`,
          clickhouse_settings: { mutations_sync: '0' },
        })
      }
      return system.clickhouse.query(asked)
    }
    // It is carried out when it is waited for, or else behind everything.
    await mendedBy({ query }, (line) => void (line.includes('waiting for the deletion') && beginDeleting()))
    await beginDeleting()
    await system.until(async () => !(await isDeleting('window_tallies')))
    await agreed()
  })

  it('takes no right row away, though it is begun again before what it asked for is carried out', async () => {
    await damage()
    const rows = () =>
      count(`SELECT count() FROM votes_log FINAL WHERE event = ${EVENT} AND voter <= 2000000`)
    const before = await rows()
    const late: Clickhouse['command'] = async (asked) => {
      if (asked.query.startsWith('ALTER TABLE votes_log DELETE')) {
        const shadow = createClickhouseShadow(system.clickhouse, `votestream_rebuild_${EVENT}`)
        await shadow.drop()
        await shadow.make()
      }
      return system.clickhouse.command(asked)
    }
    await assert.rejects(mendedBy({ command: late }))
    assert.ok((await rows()) >= before)
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

  const purge = async () => {
    const { lastSequence } = await logPosition(system.nats, SHARD)
    await system.nats.jsm.streams.purge(voteStream(SHARD), { seq: lastSequence - 10 })
  }

  it('keeps what the log no longer holds', async () => {
    await caughtUp()
    const total = () => count(`SELECT sum(votes) FROM votes_per_minute WHERE event = ${EVENT}`)
    const votes = () => count(`SELECT count() FROM vote_outcomes WHERE event = ${EVENT}`)
    const before = [await total(), await votes()]
    await purge()
    await rebuilt()
    await caughtUp()
    assert.deepEqual([await total(), await votes()], before)
    await agreed()
  })

  it('killed while it takes rows away, it does not stop the archive of a log that was purged', async () => {
    await command(`INSERT INTO votes_log SELECT * REPLACE (voter + 2000000 AS voter)
      FROM votes_log WHERE event = ${EVENT} AND shard = 0 ORDER BY sequence DESC LIMIT 5`)
    await purge()
    // The archive counts them with the others.
    await system.stopLanes()
    await system.startLanes()
    await system.vote(1)
    await caughtUp()
    await command('SYSTEM STOP MERGES votes_log')
    await killedWhileItDeletes()
    await command('SYSTEM START MERGES votes_log')
    await rebuilt('--event', String(EVENT))
    await system.vote(1)
    await caughtUp()
    await agreed()
  })
})
