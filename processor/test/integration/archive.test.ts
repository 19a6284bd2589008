import assert from 'node:assert/strict'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, MigrationError, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { allShards, eventNumber, type Shard, type VoterNumber } from '@votestream/schema/numbers'
import { createReplay } from '@votestream/schema/replay'
import { voteStream, voteSubject } from '@votestream/schema/subjects'
import { type LogMessage, logMessage, UnknownVersionError } from '@votestream/schema/votes'
import fc from 'fast-check'
import { createArchive } from '../../src/archive/archive-lane.js'
import { type ArchiveEntry, partitionRuns } from '../../src/archive/archive-rows.js'
import { type ArchiveTables, openArchiveTables } from '../../src/archive/archive-tables.js'
import { FIRST_MS, randomLog, vote } from '../unit/random-log.js'

const SHARD = 0 as Shard
const SHARDS = 2
const logger = createLogger('archive-test', 'silent')

const TABLES = ['votes_log', 'window_tallies', 'event_records', 'contestant_records']

describe('The archive', function () {
  this.timeout(60_000)
  let servers: TestServers
  let nats: Nats
  let clickhouse: ClickHouseClient
  let stopLanes: (() => Promise<void>)[] = []

  before(async () => {
    servers = await startServersForTest(['nats', 'clickhouse'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    await migrate()
  })
  after(async () => {
    await clickhouse?.close()
    await nats?.close()
    await servers?.stop()
  })
  beforeEach(() => ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 }))
  afterEach(async () => {
    await clickhouse.command({ query: 'SYSTEM START MERGES votes_log' })
    await Promise.all(stopLanes.map((stop) => stop()))
    stopLanes = []
    for (const shard of allShards(SHARDS)) await nats.jsm.streams.delete(voteStream(shard))
    for (const table of TABLES) await clickhouse.command({ query: `TRUNCATE TABLE ${table}` })
  })

  const migrate = async (change: (checksum: string) => string = (checksum) => checksum) => {
    const migrations = await readMigrations(migrationsFolder)
    return applyMigrations({
      clickhouse,
      migrations: migrations.map((migration) => ({ ...migration, checksum: change(migration.checksum) })),
      say: () => {},
    })
  }

  const rows = async (query: string): Promise<unknown[][]> => {
    const result = await clickhouse.query({
      query,
      format: 'JSONCompactEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    })
    return result.json<unknown[]>()
  }

  const publish = async (messages: readonly LogMessage[]): Promise<void> => {
    for (const message of messages) await nats.js.publish(voteSubject(SHARD), logMessage.encode(message))
  }

  const sampleLog = (seed: number): LogMessage[] => {
    const [log = []] = fc.sample(randomLog({ messagesMin: 80, messagesMax: 120 }), { seed, numRuns: 1 })
    return log.map(({ message }) => message)
  }

  const startLane = () => {
    const ended = new AbortController()
    const archive = createArchive({ nats, clickhouse, shards: SHARDS, logger, rowsMax: 20, pauseMs: 20 })
    const done = archive.runLane({ shard: SHARD, signal: ended.signal })
    // A lane that is meant to fail is looked at by its test.
    done.catch(() => {})
    const stop = async () => {
      ended.abort()
      await done.catch(() => {})
    }
    stopLanes.push(stop)
    return { done, stop }
  }

  const openTables = async (): Promise<ArchiveTables> => {
    const { generation } = await logPosition(nats, SHARD)
    const { signal } = new AbortController()
    return openArchiveTables({ clickhouse, shard: SHARD, shards: SHARDS, generation, signal })
  }

  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    const giveUpAtMs = performance.now() + 20_000
    while (!(await condition().catch(() => false))) {
      if (performance.now() > giveUpAtMs) throw new Error(`not within the time: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  const untilArchived = async (): Promise<void> => {
    const tables = await openTables()
    const { lastSequence } = await logPosition(nats, SHARD)
    await until(`archived up to ${lastSequence}`, async () => (await tables.checkpoint()) === lastSequence)
  }

  /** The views against a plain replay of the same messages. */
  const assertExact = async (log: readonly LogMessage[]): Promise<void> => {
    const replay = createReplay()
    for (const message of log) replay.apply(message)
    const books = [...replay.books].sort(([a], [b]) => a - b)
    const totals = books.flatMap(([event, book]) =>
      [...book.totals].sort(([a], [b]) => a - b).map(([contestant, votes]) => [event, contestant, votes]),
    )
    const outcomes = books.map(([event, { entries, counted, rejected, superseded }]) => [
      event,
      entries,
      counted,
      rejected,
      superseded,
    ])
    assert.deepEqual(
      await rows('SELECT event, contestant, count() FROM votes GROUP BY ALL ORDER BY ALL'),
      totals,
    )
    assert.deepEqual(
      await rows(`SELECT event, count(), countIf(outcome = 'counted'), countIf(outcome = 'rejected'),
        countIf(outcome = 'superseded') FROM vote_outcomes GROUP BY event ORDER BY event`),
      outcomes,
    )
    const sum = (pick: (row: number[]) => number) =>
      outcomes.reduce((total, row) => total + pick(row as number[]), 0)
    assert.deepEqual(await rows('SELECT count() FROM votes'), [[sum(([, , counted = 0]) => counted)]])
    assert.deepEqual(await rows('SELECT count() FROM rejected_votes'), [[sum((row) => row[3] ?? 0)]])
    assert.deepEqual(await rows('SELECT count() FROM superseded_votes'), [[sum((row) => row[4] ?? 0)]])
    for (const view of ['votes_per_minute', 'votes_per_hour']) {
      assert.deepEqual(
        await rows(`SELECT event, contestant, sum(votes) FROM ${view} GROUP BY ALL ORDER BY ALL`),
        totals,
        view,
      )
    }
    assert.deepEqual(
      await rows('SELECT event, contestant, minute, votes FROM votes_per_minute ORDER BY ALL'),
      await rows(`SELECT event, contestant, toStartOfMinute(acked_at) AS minute, count()
        FROM votes GROUP BY ALL ORDER BY ALL`),
    )
  }

  it('says of every vote what a plain replay of the log says, across months and batches', async () => {
    const log = sampleLog(1)
    await publish(log)
    startLane()
    await untilArchived()
    await assertExact(log)
    const entries = log.reduce(
      (sum, message) => sum + message.votes.length + message.closings.length + (message.takeover ? 1 : 0),
      0,
    )
    assert.deepEqual(await rows('SELECT count() FROM votes_log FINAL'), [[entries]])
    const [[months] = []] = await rows('SELECT uniqExact(toYYYYMM(acked_at)) FROM votes_log')
    assert.ok(Number(months) >= 2, 'the log should pass a month')
  })

  it('goes on where it was, stopped again and again in the middle', async () => {
    const log = sampleLog(2)
    for (let at = 0; at < log.length; at += 15) {
      const { stop } = startLane()
      await publish(log.slice(at, at + 15))
      await new Promise((resolve) => setTimeout(resolve, at % 30))
      await stop()
    }
    startLane()
    await untilArchived()
    await assertExact(log)
  })

  it('is the same after dying behind the rows and before the windows', async () => {
    const log = sampleLog(3)
    // What is written twice stands twice for the whole test.
    await clickhouse.command({ query: 'SYSTEM STOP MERGES votes_log' })
    await publish(log)
    const tables = await openTables()
    const state = await tables.loadState(0)
    const entries = log.map(
      (message, index): ArchiveEntry => ({ sequence: index + 1, message, storedAtMs: FIRST_MS }),
    )
    const first = state.advance(entries.slice(0, 30))
    for (const run of partitionRuns(first.rows)) await tables.insertRows(run)
    await tables.insertWindows(first.windows, first.lastSequence)
    const second = state.advance(entries.slice(30, 70))
    for (const run of partitionRuns(second.rows)) await tables.insertRows(run)
    // Dead. The windows know nothing of the second batch; the votes are there already.
    startLane()
    await untilArchived()
    await assertExact(log)
    // And what was on its way may still arrive late.
    await tables.insertWindows(second.windows, second.lastSequence)
    await assertExact(log)
    const [[twice] = []] = await rows('SELECT count() - (SELECT count() FROM votes_log FINAL) FROM votes_log')
    assert.ok(Number(twice) > 0, 'some rows should stand twice')
  })

  it('is the same when two of it write at once', async () => {
    const log = sampleLog(4)
    startLane()
    startLane()
    await publish(log)
    await untilArchived()
    await assertExact(log)
  })

  it('writes a full batch as one part: it is there as a whole or not at all', async () => {
    await clickhouse.command({ query: 'SYSTEM STOP MERGES votes_log' })
    const entries = Array.from({ length: 11 }, (_, message): ArchiveEntry => {
      const votes = Array.from({ length: 1_000 }, (_, index) =>
        vote({
          event: eventNumber(1),
          voter: ((message * 1_000 + index + 1) * 2) as VoterNumber,
          deviceId: `device ${index} `.repeat(20),
        }),
      )
      return {
        sequence: message + 1,
        message: { votes, closings: [], takeover: null, decisions: [] },
        storedAtMs: FIRST_MS,
      }
    })
    const tables = await openTables()
    const { rows: logRows } = (await tables.loadState(0)).advance(entries)
    await tables.insertRows(logRows)
    assert.deepEqual(
      await rows(`SELECT rows FROM system.parts WHERE active AND database = currentDatabase()
        AND table = 'votes_log'`),
      [[11_000]],
    )
  })

  it('waits for a ClickHouse that was killed, and goes on', async () => {
    const log = sampleLog(5)
    startLane()
    await publish(log.slice(0, 30))
    await until('some rows', async () => (await (await openTables()).checkpoint()) > 0)
    await servers.kill('clickhouse')
    await publish(log.slice(30))
    await servers.start('clickhouse')
    await untilArchived()
    await assertExact(log)
  })

  it('keeps what the client sent', async () => {
    const sent = vote({
      event: eventNumber(4_000_000_000),
      voter: (2 ** 47) as VoterNumber,
      contestant: 499 as never,
      attempt: 2 ** 52 - 1,
      clientTimestampMs: FIRST_MS - 1234,
      deviceId: 'a phone; \'quoted\' and "ünïcödé" \u{1F5F3} '.repeat(20),
      appVersion: '1.2.3',
      channel: 2,
      traceId: '0af7651916cd43dd8448eb211c80319c',
    })
    await publish([{ votes: [sent], closings: [], takeover: null, decisions: [] }])
    startLane()
    await untilArchived()
    const found = await rows(`SELECT event, voter, contestant, attempt, toUnixTimestamp64Milli(acked_at),
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

  it('stops before a message of a newer writer, with everything before it archived', async () => {
    const log = sampleLog(6)
    await publish(log)
    // Field 1, the version, is 2.
    await nats.js.publish(voteSubject(SHARD), Uint8Array.from([8, 2]))
    const { done } = startLane()
    await assert.rejects(done, UnknownVersionError)
    assert.equal(await (await openTables()).checkpoint(), log.length)
    await assertExact(log)
  })

  it('starts at the beginning of a stream that was made anew, and keeps the old one', async () => {
    const first = { event: eventNumber(1), voter: 2 as VoterNumber }
    const message = (...voters: number[]): LogMessage => ({
      votes: voters.map((voter) => vote({ ...first, voter: voter as VoterNumber })),
      closings: [],
      takeover: null,
      decisions: [],
    })
    await publish([message(2), message(4)])
    const { stop } = startLane()
    await untilArchived()
    await stop()
    await nats.jsm.streams.delete(voteStream(SHARD))
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
    await publish([message(4, 6)])
    startLane()
    await untilArchived()
    assert.deepEqual(await rows('SELECT voter FROM votes ORDER BY voter'), [[2], [4], [6]])
    assert.deepEqual(await rows('SELECT sum(votes) FROM votes_per_minute'), [[3]])
  })

  it('writes nothing of a stream that was made anew under it', async () => {
    const message = (voter: number): LogMessage => ({
      votes: [vote({ event: eventNumber(1), voter: voter as VoterNumber })],
      closings: [],
      takeover: null,
      decisions: [],
    })
    await publish([message(2)])
    const { done } = startLane()
    await untilArchived()
    await nats.jsm.streams.delete(voteStream(SHARD))
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
    await publish([message(4), message(6)])
    await assert.rejects(done)
    startLane()
    await untilArchived()
    const { generation } = await logPosition(nats, SHARD)
    assert.deepEqual(
      await rows(`SELECT voter, sequence, generation = '${generation}' FROM votes ORDER BY voter`),
      [
        [2, 1, 0],
        [4, 1, 1],
        [6, 2, 1],
      ],
    )
  })

  describe('migrations', () => {
    it('are applied once', async () => {
      assert.deepEqual(await migrate(), [])
    })

    it('can be applied again when they were cut off before they were noted', async () => {
      await clickhouse.command({ query: 'TRUNCATE TABLE schema_migrations' })
      const names = (await readMigrations(migrationsFolder)).map(({ name }) => name)
      assert.deepEqual(await migrate(), names)
    })

    it('are refused when a file changed after it was applied', async () => {
      await assert.rejects(
        migrate((checksum) => checksum.replace(/^./, '!')),
        MigrationError,
      )
    })
  })
})
