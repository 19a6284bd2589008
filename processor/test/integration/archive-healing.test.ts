import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { logPosition } from '@votestream/infra/log-reader'
import { type ContestantIndex, eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { UnknownVersionError } from '@votestream/schema/votes'
import type { ArchiveEntry } from '../../src/archive/archive-rows.js'
import { LogTooShortError } from '../../src/archive/lane-opening.js'
import { entryOf, vote } from '../unit/random-log.js'
import { SHARD, sampleLog, startTestArchive, TABLES, type TestArchive } from './test-archive.js'

/** All of it is written, and compared, several times. */
const shortLog = (seed: number): ArchiveEntry[] => sampleLog(seed).slice(0, 40)

describe('The archive, when ClickHouse or the log is not what it was,', function () {
  this.timeout(60_000)
  let archive: TestArchive

  before(async () => {
    archive = await startTestArchive()
  })
  after(() => archive?.stop())
  afterEach(() => archive.clear())

  it('waits for a ClickHouse that was killed, and goes on', async () => {
    const log = shortLog(5)
    archive.startLane()
    await archive.publish(log.slice(0, 20))
    await archive.until('some rows', async () => (await (await archive.openTables()).checkpoint()) > 0)
    await archive.servers.kill('clickhouse')
    await archive.publish(log.slice(20))
    await archive.servers.start('clickhouse')
    await archive.untilArchived()
    await archive.assertExact(log)
  })

  it('stands still before a message of a newer writer, says so, and has everything before it', async () => {
    const log = shortLog(6)
    await archive.publish(log)
    // Field 1, the version, is 3.
    await archive.nats.js.publish(voteSubject(SHARD), Uint8Array.from([8, 3]))
    const { done, stop } = archive.startLane()
    await assert.rejects(done, UnknownVersionError)
    assert.match(archive.halts.get('archive 0') ?? '', /version 3/)
    assert.equal(await (await archive.openTables()).checkpoint(), log.length)
    await archive.assertExact(log)
    // Whoever has the shard next says what holds it up.
    await stop()
    assert.equal(archive.halts.size, 0)
  })

  it('says so when the log no longer reaches back to what is archived, and archives nothing behind the gap', async () => {
    const log = shortLog(7)
    await archive.publish(log)
    await archive.nats.jsm.streams.purge(voteStream(SHARD), { seq: 10 })
    await assert.rejects(archive.startLane().done, LogTooShortError)
    assert.match(archive.halts.get('archive 0') ?? '', /the log begins at 10/)
    assert.deepEqual(await archive.rows('SELECT count() FROM votes_log'), [[0]])
  })

  const contents = async () => {
    const found: unknown[][] = []
    for (const table of TABLES) {
      // How the log was cut into batches is no matter.
      const columns = table === 'window_tallies' ? '* EXCEPT sequence' : '*'
      found.push(
        ...(await archive.rows(`SELECT ${columns} FROM ${table} FINAL WHERE event > 0 ORDER BY ALL`)),
      )
    }
    return found
  }

  const truncate = (table: string) => archive.clickhouse.command({ query: `TRUNCATE TABLE ${table}` })

  for (const [name, order] of [
    ['the votes first', TABLES],
    ['the windows first', [...TABLES].reverse()],
    ['the votes alone', ['votes_log']],
    ['the decisions alone', ['decisions_log']],
  ] as const) {
    it(`writes again what ClickHouse lost under a running lane, row for row: ${name}`, async () => {
      const log = shortLog(8)
      archive.startLane()
      await archive.publish(log.slice(0, -10))
      await archive.untilArchived()
      const before = await contents()
      for (const table of order) await truncate(table)
      await archive.until('all is there again', async () => isDeepStrictEqual(await contents(), before))
      for (const table of order) await truncate(table)
      // Lost while it has something to write.
      await archive.publish(log.slice(-10))
      await archive.untilArchived()
      await archive.until('all is there again', async () => {
        await archive.assertExact(log)
        return true
      })
    })
  }

  /** Neither the first one nor one of the latest. */
  const loseOldRow = async (table: string) => {
    const [rows] = await archive.rows(
      `SELECT sequence, position FROM ${table} WHERE event > 0 ORDER BY ALL LIMIT 1 OFFSET 3`,
    )
    const [sequence, position] = rows ?? []
    await archive.clickhouse.command({
      query: `ALTER TABLE ${table} DELETE WHERE sequence = ${sequence} AND position = ${position}`,
      clickhouse_settings: { mutations_sync: '2' },
    })
  }

  for (const table of ['votes_log', 'decisions_log']) {
    it(`counts the rows of a ClickHouse that was away, and writes again what is missing in ${table}`, async () => {
      const log = shortLog(8)
      archive.startLane()
      await archive.publish(log)
      await archive.untilArchived()
      const before = await contents()
      await loseOldRow(table)
      await archive.servers.kill('clickhouse')
      await archive.servers.start('clickhouse')
      await archive.until('all is there again', async () => isDeepStrictEqual(await contents(), before))
      await archive.untilArchived()
      await archive.assertExact(log)
    })
  }

  it('counts the rows when a lane begins, and says so when the log does not have those that are missing', async () => {
    const log = shortLog(8)
    await archive.publish(log)
    const { stop } = archive.startLane()
    await archive.untilArchived()
    await stop()
    await archive.nats.jsm.streams.purge(voteStream(SHARD), { seq: 10 })
    await loseOldRow('votes_log')
    await assert.rejects(archive.startLane().done, LogTooShortError)
    assert.match(archive.halts.get('archive 0') ?? '', /has \d+ rows of \d+ .* the log begins at 10/)
  })

  it('takes an archive whose rows nobody counted as it is, and counts from there', async () => {
    const log = shortLog(8)
    await archive.publish(log.slice(0, 20))
    const { stop } = archive.startLane()
    await archive.untilArchived()
    await stop()
    await archive.clickhouse.command({
      query: 'ALTER TABLE window_tallies UPDATE archived_rows = 0 WHERE true',
      clickhouse_settings: { mutations_sync: '2' },
    })
    await archive.publish(log.slice(20))
    archive.startLane()
    await archive.untilArchived()
    await archive.assertExact(log)
    const tables = await archive.openTables()
    const { said, found } = await tables.countRows(await tables.checkpoint())
    assert.ok(said > 0)
    assert.equal(found, said)
  })

  it('is begun anew at one moment: nobody sees its position without its windows, nor some of them', async () => {
    const { clickhouse, rows } = archive
    const modify = (change: string) => clickhouse.command({ query: `ALTER TABLE window_tallies ${change}` })
    // Otherwise the engine may have made few parts of them by itself.
    await modify('MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1')
    const tables = await archive.openTables()
    const batches = 40
    for (let sequence = 1; sequence <= batches; sequence += 1) {
      const window = { event: eventNumber(1), contestant: sequence as ContestantIndex, minuteMs: 0, votes: 1 }
      await tables.insertWindows([window], { sequence, rows: 0 })
    }
    await clickhouse.command({
      query: `INSERT INTO window_tallies SELECT * REPLACE ('an earlier one' AS generation)
        FROM window_tallies WHERE event = 1 LIMIT 1`,
    })
    const seen = new Set<string>()
    let isForgotten = false
    const forgetting = tables.forget().finally(() => {
      isForgotten = true
    })
    while (!isForgotten) {
      const [state] = await rows(`SELECT maxIf(sequence, event = 0), uniqExactIf(contestant, event = 1)
        FROM window_tallies WHERE generation != 'an earlier one'`)
      seen.add(String(state))
    }
    await forgetting
    await modify('RESET SETTING max_bytes_to_merge_at_max_space_in_pool')
    seen.add('0,0')
    assert.deepEqual([...seen], [`${batches},${batches}`, '0,0'])
    assert.deepEqual(await rows('SELECT generation FROM window_tallies'), [['an earlier one']])
  })

  it('goes on where ClickHouse is when it was brought back from a backup', async () => {
    const log = shortLog(9)
    archive.startLane()
    await archive.publish(log.slice(0, 20))
    await archive.untilArchived()
    for (const table of TABLES) {
      await archive.clickhouse.command({ query: `CREATE TABLE backup_${table} CLONE AS ${table}` })
    }
    await archive.publish(log.slice(20))
    await archive.untilArchived()
    for (const table of TABLES) {
      await archive.clickhouse.command({ query: `EXCHANGE TABLES ${table} AND backup_${table}` })
      await archive.clickhouse.command({ query: `DROP TABLE backup_${table}` })
    }
    await archive.until('all is there again', async () => {
      await archive.assertExact(log)
      return true
    })
  })

  const message = (sequence: number, ...voters: number[]): ArchiveEntry =>
    entryOf(sequence, {
      votes: voters.map((voter) => vote({ event: eventNumber(1), voter: voter as VoterNumber })),
    })

  it('starts at the beginning of a stream that was made anew, and keeps the old one', async () => {
    await archive.publish([message(1, 2), message(2, 4)])
    const { stop } = archive.startLane()
    await archive.untilArchived()
    await stop()
    await archive.makeLogAnew()
    await archive.publish([message(1, 4, 6)])
    archive.startLane()
    await archive.untilArchived()
    assert.deepEqual(await archive.rows('SELECT voter FROM votes ORDER BY voter'), [[2], [4], [6]])
    assert.deepEqual(await archive.rows('SELECT sum(votes) FROM votes_per_minute'), [[3]])
  })

  it('writes nothing of a stream that was made anew under it as if it were of the old one', async () => {
    await archive.publish([message(1, 2)])
    const { done } = archive.startLane()
    await archive.untilArchived()
    await archive.makeLogAnew()
    await archive.publish([message(1, 4), message(2, 6)])
    // It goes on with the new one, or it fails and is begun again.
    await Promise.race([done.catch(() => undefined), archive.untilArchived()])
    archive.startLane()
    await archive.untilArchived()
    const { generation } = await logPosition(archive.nats, SHARD)
    assert.deepEqual(
      await archive.rows(`SELECT voter, sequence, generation = '${generation}' FROM votes ORDER BY voter`),
      [
        [2, 1, 0],
        [4, 1, 1],
        [6, 2, 1],
      ],
    )
  })
})
