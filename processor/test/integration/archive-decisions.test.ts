import assert from 'node:assert/strict'
import { connectClickhouse } from '@votestream/infra/clickhouse'
import { logPosition } from '@votestream/infra/log-reader'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { createReplay } from '@votestream/schema/replay'
import { VERDICT, type Vote } from '@votestream/schema/votes'
import { decisionAbout, entryOf, FIRST_MS, vote } from '../unit/random-log.js'
import { SHARD, sampleLog, startTestArchive, TABLES, type TestArchive } from './test-archive.js'

const EVENT = eventNumber(1)

describe('Decisions and dead entries in the archive', function () {
  this.timeout(60_000)
  let archive: TestArchive

  before(async () => {
    archive = await startTestArchive()
  })
  after(() => archive?.stop())
  afterEach(() => archive.clear())

  const cast = (voter: number, fields: Partial<Vote> = {}): Vote =>
    vote({ event: EVENT, voter: voter as VoterNumber, ...fields })

  it('let the last decision behind a vote stand, against flags and closing, and say whose it is', async () => {
    const counted = cast(2)
    const flagged = cast(4, { flags: 1 })
    const late = cast(6, { ackedAtMs: FIRST_MS + 60_000 })
    const never = cast(8, { ackedAtMs: FIRST_MS + 60_000 })
    const log = [
      entryOf(1, { votes: [counted, flagged], closings: [{ event: EVENT, closedAtMs: FIRST_MS }] }),
      // Before its vote a decision says nothing.
      entryOf(2, { decisions: [decisionAbout(never, VERDICT.admit)] }),
      entryOf(3, { votes: [late, never, cast(2, { contestant: 3 as never })] }),
      entryOf(4, {
        decisions: [
          decisionAbout(counted, VERDICT.admit),
          decisionAbout(counted, VERDICT.reject, FIRST_MS + 5),
          decisionAbout(flagged, VERDICT.reject),
          decisionAbout(late, VERDICT.reject),
        ],
      }),
      entryOf(5, { decisions: [decisionAbout(flagged, VERDICT.admit), decisionAbout(late, VERDICT.admit)] }),
    ]
    await archive.publish(log)
    archive.startLane()
    await archive.untilArchived()
    assert.deepEqual(
      await archive.rows(`SELECT voter, outcome, decided_by, toUnixTimestamp64Milli(decided_at) FROM vote_outcomes
        ORDER BY voter, outcome`),
      [
        [2, 'rejected', 77, FIRST_MS + 5],
        [2, 'superseded', null, null],
        [4, 'counted', 77, FIRST_MS],
        [6, 'counted', 77, FIRST_MS],
        [8, 'rejected', null, null],
      ],
    )
    await archive.assertExact(log)
  })

  it('are as of any message of the log: the view that is cut there is the replay up to there', async () => {
    const log = sampleLog(11)
    await archive.publish(log)
    archive.startLane()
    await archive.untilArchived()
    const { generation } = await logPosition(archive.nats, SHARD)
    for (const upTo of [0, 1, 17, 40, 63, log.length]) {
      const replay = createReplay()
      for (const { message } of log.slice(0, upTo)) replay.apply(message)
      const expected = [...replay.books]
        .filter(([, book]) => book.entries > book.dead)
        .map(([event, book]) => [event, book.counted, book.rejected, book.superseded])
      const found =
        await archive.rows(`SELECT event, countIf(outcome = 'counted'), countIf(outcome = 'rejected'),
        countIf(outcome = 'superseded')
        FROM vote_outcomes_at(shard = ${SHARD}, generation = '${generation}', up_to = ${upTo})
        WHERE shard = ${SHARD} GROUP BY event`)
      assert.deepEqual(found.sort(), expected.sort(), `up to ${upTo}`)
    }
  })

  it('stand on the votes of a log that was made anew since, and are not there before it', async () => {
    const [first, second] = [cast(2), cast(4)]
    await archive.publish([entryOf(1, { votes: [first, second] }), entryOf(2, {}), entryOf(3, {})])
    const { stop } = archive.startLane()
    await archive.untilArchived()
    await stop()
    const { generation } = await logPosition(archive.nats, SHARD)
    await archive.makeLogAnew()
    await archive.publish([entryOf(1, { decisions: [decisionAbout(first, VERDICT.reject)] })])
    archive.startLane()
    await archive.untilArchived()
    assert.deepEqual(await archive.rows('SELECT voter FROM votes'), [[4]])
    assert.deepEqual(await archive.rows('SELECT sum(votes) FROM votes_per_minute'), [[1]])
    const before = `vote_outcomes_at(shard = ${SHARD}, generation = '${generation}', up_to = 3)`
    assert.deepEqual(await archive.rows(`SELECT countIf(outcome = 'counted') FROM ${before}`), [[2]])
  })

  it('are not in a view or a window before the archive is past them', async () => {
    const rejected = cast(2)
    const log = [
      entryOf(1, { votes: [rejected, cast(4)] }),
      entryOf(2, { decisions: [decisionAbout(rejected, VERDICT.reject)] }),
    ]
    await archive.publish(log)
    const tables = await archive.openTables()
    const { rows, windows, decisions } = (await tables.loadState(0)).advance(log)
    await tables.insertRows(rows)
    await tables.insertWindows(windows, { sequence: 1, rows: rows.length })
    await tables.insertDecisions(decisions)
    assert.deepEqual(await archive.rows('SELECT sum(votes) FROM votes_per_minute'), [[2]])
    assert.deepEqual(await archive.rows('SELECT count() FROM votes'), [[2]])
    archive.startLane()
    await archive.untilArchived()
    await archive.assertExact(log)
  })

  it('put a message with something dead aside once, and archive the rest of it', async () => {
    const astray = cast(3)
    const log = [
      entryOf(1, { votes: [cast(2), astray, cast(4)] }),
      entryOf(2, Uint8Array.from([255, 1, 2])),
      entryOf(3, { votes: [cast(6)] }),
    ]
    await archive.publish(log)
    archive.startLane()
    archive.startLane()
    await archive.untilArchived()
    await archive.assertExact(log)
    const letters: unknown[] = []
    for await (const { sequence, reasons, data } of archive.deadLetters.list()) {
      letters.push([sequence, reasons.length, Buffer.from(data)])
    }
    assert.deepEqual(letters, [
      [1, 1, Buffer.from(log[0]?.data ?? [])],
      [2, 1, Buffer.from([255, 1, 2])],
    ])
    assert.deepEqual(
      await archive.rows('SELECT event, sequence, position FROM dead_letters ORDER BY sequence'),
      [
        [1, 1, 0],
        [0, 2, 0],
      ],
    )
  })

  it('are in another database the same, up to the message that was asked for', async () => {
    const log = sampleLog(12)
    await archive.publish(log)
    await archive.clickhouse.command({ query: 'CREATE DATABASE IF NOT EXISTS `made anew`' })
    const url = archive.servers.get('clickhouse').url
    const other = connectClickhouse({ url, user: 'default', password: '', database: 'made anew' })
    await applyMigrations({
      clickhouse: other,
      migrations: await readMigrations(migrationsFolder),
      say: () => {},
    })
    await other.close()
    await archive.startLane({ untilSequence: 50, database: 'made anew' }).done
    await archive.startLane({ untilSequence: 50 }).done
    assert.equal(await (await archive.openTables()).checkpoint(), 50)
    await archive.assertExact(log.slice(0, 50))
    // The rows of one database are not seen through the other's views.
    for (const table of TABLES) await archive.clickhouse.command({ query: `TRUNCATE TABLE ${table}` })
    await archive.assertExact(log.slice(0, 50), 'made anew')
  })
})
