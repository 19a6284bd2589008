import assert from 'node:assert/strict'
import { logPosition } from '@votestream/infra/log-reader'
import { eventNumber, type VoterNumber } from '@votestream/schema/numbers'
import { archiveBatch } from '../../src/archive/archive-batch.js'
import { ROWS_MAX } from '../../src/archive/archive-lane.js'
import { type ArchiveEntry, partitionRuns } from '../../src/archive/archive-rows.js'
import { joinBatches, packBatch } from '../../src/archive/packed-batch.js'
import { WITNESS_TABLES } from '../../src/archive/witnesses.js'
import { entryOf, FIRST_MS, vote } from '../unit/random-log.js'
import { SHARD, sampleLog, startTestArchive, type TestArchive } from './test-archive.js'

describe('The archive', function () {
  this.timeout(60_000)
  let archive: TestArchive

  before(async () => {
    archive = await startTestArchive()
  })
  after(() => archive?.stop())
  afterEach(() => archive.clear())

  it('says of every vote what a plain replay of the log says, across months and batches', async () => {
    const log = sampleLog(1)
    await archive.publish(log)
    archive.startLane()
    await archive.untilArchived()
    await archive.assertExact(log)
    const entries = log.reduce(
      (sum, { message: { votes, closings, takeover } }) =>
        sum + votes.length + closings.length + (takeover ? 1 : 0),
      0,
    )
    assert.deepEqual(await archive.rows('SELECT count() FROM votes_log FINAL'), [[entries]])
    const [[months] = []] = await archive.rows('SELECT uniqExact(toYYYYMM(acked_at)) FROM votes_log')
    assert.ok(Number(months) >= 2, 'the log should pass a month')
  })

  it('goes on where it was, stopped again and again in the middle', async () => {
    const log = sampleLog(2)
    for (let at = 0; at < log.length; at += 15) {
      const { stop } = archive.startLane()
      await archive.publish(log.slice(at, at + 15))
      await new Promise((resolve) => setTimeout(resolve, at % 30))
      await stop()
    }
    archive.startLane()
    await archive.untilArchived()
    await archive.assertExact(log)
  })

  it('is the same after dying behind the rows and before the windows', async () => {
    const log = sampleLog(3)
    // What is written twice stands twice for the whole test.
    await archive.clickhouse.command({ query: 'SYSTEM STOP MERGES votes_log' })
    await archive.publish(log)
    const tables = await archive.openTables()
    const state = await tables.loadState(0)
    const { generation } = await logPosition(archive.nats, SHARD)
    const source = { shard: SHARD, generation }
    const first = packBatch(state.advance(log.slice(0, 30)), source, { rows: 1, storedAtMs: 0 })
    await archiveBatch({ ...source, tables, deadLetters: archive.deadLetters }, first)
    const second = state.advance(log.slice(30, 70))
    for (const run of partitionRuns(second.rows)) await tables.insertRows(run)
    await tables.insertDecisions(second.decisions)
    await tables.insertDead(second.dead)
    // Dead. The windows know nothing of the second batch; the votes are there already.
    archive.startLane()
    await archive.untilArchived()
    await archive.assertExact(log)
    // And what was on its way may still arrive late.
    await tables.insertWindows(second.windows, second.position)
    await archive.assertExact(log)
    const [[twice] = []] = await archive.rows(
      'SELECT count() - (SELECT count() FROM votes_log FINAL) FROM votes_log',
    )
    assert.ok(Number(twice) > 0, 'some rows should stand twice')
  })

  it('is the same when two of it write at once', async () => {
    const log = sampleLog(4)
    archive.startLane()
    archive.startLane()
    await archive.publish(log)
    await archive.untilArchived()
    await archive.assertExact(log)
  })

  it('writes a full batch as one part: it is there as a whole or not at all', async () => {
    await archive.clickhouse.command({ query: 'SYSTEM STOP MERGES votes_log' })
    const messages = ROWS_MAX / 1_000 + 1
    const entries = Array.from({ length: messages }, (_, message): ArchiveEntry => {
      const votes = Array.from({ length: 1_000 }, (_, index) =>
        vote({
          event: eventNumber(1),
          voter: ((message * 1_000 + index + 1) * 2) as VoterNumber,
          deviceId: `device ${index} `.repeat(20),
        }),
      )
      return entryOf(message + 1, { votes })
    })
    const tables = await archive.openTables()
    const state = await tables.loadState(0)
    const { generation } = await logPosition(archive.nats, SHARD)
    const source = { shard: SHARD, generation }
    const { runs } = joinBatches(
      entries.map((entry) => packBatch(state.advance([entry]), source, { rows: 1_000, storedAtMs: 0 })),
    )
    assert.equal(runs.length, 1)
    for (const { bytes } of runs) await tables.insertPacked(bytes)
    assert.deepEqual(
      await archive.rows(`SELECT rows FROM system.parts WHERE active AND database = currentDatabase()
        AND table = 'votes_log'`),
      [[1_000 * messages]],
    )
  })

  it('misses nothing that is written while it looks what is there', async () => {
    const tables = await archive.openTables()
    const witnesses = await tables.loadWitnesses(0)
    const looking = tables.look(witnesses)
    for (const table of WITNESS_TABLES) witnesses.restore(table, 0, [1, 2, 3, 4], [1, 2, 3, 5])
    assert.deepEqual((await looking).lost, [])
    assert.deepEqual((await tables.look(witnesses)).lost, [...WITNESS_TABLES])
  })

  it('keeps what the client sent', async () => {
    const sent = vote({
      event: eventNumber(4_000_000_000),
      voter: (2 ** 47) as VoterNumber,
      contestant: 499 as never,
      attempt: 2 ** 52 - 1,
      clientTimestampMs: FIRST_MS - 1234,
      deviceId: 'a phone; \'quoted\' and "ünïcödé" \u{1F5F3} '.repeat(20),
      appVersion: '1.2.3 bêta',
      channel: 2,
      traceId: '0af7651916cd43dd8448eb211c80319c',
    })
    await archive.publish([entryOf(1, { votes: [sent] })])
    archive.startLane()
    await archive.untilArchived()
    const found =
      await archive.rows(`SELECT event, voter, contestant, attempt, toUnixTimestamp64Milli(acked_at),
      toUnixTimestamp64Milli(assumeNotNull(client_timestamp)), device_id, app_version, channel, trace_id FROM votes`)
    assert.deepEqual(found, [
      [
        sent.event,
        sent.voter,
        sent.contestant,
        sent.attempt,
        sent.ackedAtMs,
        sent.clientTimestampMs,
        sent.deviceId,
        sent.appVersion,
        'graphql',
        sent.traceId,
      ],
    ])
  })
})
