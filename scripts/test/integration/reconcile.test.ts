import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { type DeadLetter, openDeadLetters } from '@votestream/infra/dead-letters'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { connectRedis, type Redis, redisReady } from '@votestream/infra/redis'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams, openEventsBucket } from '@votestream/infra/streams'
import { encodeEvent, eventKey } from '@votestream/schema/event-record'
import { eventNumber, type Shard, voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import {
  checkpointKey,
  chunksKey,
  eventsKey,
  rejectedKey,
  tallyKey,
  votedKey,
  WINDOW_MS,
  windowKey,
  windowStart,
} from '@votestream/schema/redis-keys'
import { voteSubject } from '@votestream/schema/subjects'
import { bitPosition } from '@votestream/schema/voted-set'
import { type LogMessage, logMessage, VERDICT } from '@votestream/schema/votes'
import type { Difference } from '../../src/books/comparison.js'
import { agrees, type Reconciliation, reconcile } from '../../src/books/reconciliation.js'
import { variablesForTests } from '../../src/environment.js'
import { decisionOf, messageOf, runSinks, voteOf } from './log-and-sinks.js'

const SHARDS = 2
const [FIRST, SECOND] = [0 as Shard, 1 as Shard]
const EVENT = eventNumber(7)
const ID_SECRET = 'a secret of at least thirty-two characters'
const logger = createLogger('reconcile-test', 'silent')

/** Some minutes ago: all votes stand in one window, which Redis still has, and which is none of the latest. */
const votedAtMs = Math.floor(Date.now() / 60_000) * 60_000 - 180_000
const voteAt = (voter: number, contestant: number, flags = 0) =>
  voteOf({ event: EVENT, voter, contestant, flags, ackedAtMs: votedAtMs })
const decision = (voter: number, contestant: number, verdict: number) =>
  decisionOf({ event: EVENT, voter, contestant, votedAtMs, verdict })

/** Shard 0: 5 entries; voter 6 is flagged, 8 too late and admitted, 4 rejected: counted are 2 and 8, both for 0. */
const LOGS: readonly (readonly LogMessage[])[] = [
  [
    messageOf({ votes: [voteAt(2, 0), voteAt(4, 1), voteAt(2, 1)] }),
    messageOf({ votes: [voteAt(6, 0, 1)], closings: [{ event: EVENT, closedAtMs: votedAtMs }] }),
    messageOf({ votes: [voteAt(8, 0)] }),
    messageOf({ decisions: [decision(8, 0, VERDICT.admit), decision(4, 1, VERDICT.reject)] }),
  ],
  // Voter 10 is of another shard.
  [messageOf({ votes: [voteAt(1, 2), voteAt(3, 2), voteAt(10, 2)], takeover: { owner: 'a' } })],
]

describe('npm run reconcile', function () {
  this.timeout(90_000)
  let servers: TestServers
  let nats: Nats
  let redis: Redis
  let clickhouse: ClickHouseClient

  const command = (name: string, ...args: string[]) =>
    new Promise<{ status: number; output: string; stdout: string }>((resolve) => {
      const env = {
        ...variablesForTests(),
        NATS_URL: servers.get('nats').url,
        REDIS_URL: servers.get('redis').url,
        CLICKHOUSE_URL: servers.get('clickhouse').url,
        CLICKHOUSE_PASSWORD: '',
        DATA_DIR: servers.folder,
        ID_SECRET,
      }
      const file = fileURLToPath(new URL(`../../src/${name}.js`, import.meta.url))
      execFile(process.execPath, [file, ...args], { env }, (error, stdout, stderr) => {
        const status = typeof error?.code === 'number' ? error.code : error ? -1 : 0
        resolve({ status, output: stdout + stderr, stdout })
      })
    })
  const sql = (query: string) => clickhouse.command({ query })
  /** Tally and archive would make good what is changed here. */
  const whileSinksRun = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const end = await runSinks({ nats, redis, clickhouse, shards: SHARDS, logger })
    return work().finally(end)
  }
  /** Once the sinks are at the end of the log. */
  const reconciled = (): Promise<Reconciliation> => reconcile({ nats, redis, clickhouse, waitMs: 30_000 })

  /** What differs while something is as it should not be, in the words of `figures`; and nothing does after it. */
  const whileChanged = async (change: () => Promise<unknown>, undo: () => Promise<unknown>) => {
    await change()
    const { events } = await reconciled().finally(undo)
    const healed = await reconciled()
    assert.ok(agrees(healed), 'what was changed was put back')
    return events.flatMap(({ differences }) => differences.map(figures))
  }
  const figures = (difference: Difference) => {
    const {
      event,
      shard,
      what,
      contestant,
      window,
      log,
      redis: inRedis,
      clickhouse: rows,
      windows,
    } = difference
    const place = `event ${event} shard ${shard} ${what}`
    const more = `${contestant === undefined ? '' : ` ${contestant}`}${window ? ` in ${window.lengthMs / 1000} s` : ''}`
    return `${place}${more}: ${[log, inRedis, rows, windows].map((value) => value ?? '-').join(' ')}`
  }

  before(async () => {
    servers = await startServersForTest(['nats', 'redis', 'clickhouse'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    redis = connectRedis({ url: servers.get('redis').url, name: 'test', logger })
    await redisReady(redis, 5_000)
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    const migrated = await command('migrate')
    assert.equal(migrated.status, 0, migrated.output)
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
    const record = {
      version: 1 as const,
      number: EVENT,
      name: 'Final',
      createdBy: voterNumber(1),
      createdAtMs: 0,
      opensAtMs: null,
      closesAtMs: null,
      contestants: [],
    }
    await (await openEventsBucket(nats, 1)).put(eventKey(EVENT), encodeEvent(record))
    for (const [shard, messages] of LOGS.entries()) {
      for (const message of messages) {
        await nats.js.publish(voteSubject(shard as Shard), logMessage.encode(message))
      }
    }
    await whileSinksRun(reconciled)
  })
  after(async () => {
    await clickhouse?.close()
    redis?.disconnect()
    await nats?.close()
    await servers?.stop()
  })

  it('ends with 0 where the log, Redis and ClickHouse agree', async () => {
    const { status, output } = await command('reconcile', '--wait', '30')
    assert.match(output, /7 +Final +8 +2 +1 +1 +4 +4 +4 +ok/)
    assert.match(output, /The books agree: 1 event\./)
    assert.equal(status, 0)
  })

  it('gives a program one document, of the one event it asks for by its public id', async () => {
    const id = createOpaqueIds(ID_SECRET).eventId(EVENT)
    const { status, stdout } = await command('reconcile', '--json', '--event', id)
    const document = JSON.parse(stdout)
    assert.equal(document.agree, true)
    assert.deepEqual(document.differences, [])
    const books = { entries: 8, counted: 4, rejected: 2, superseded: 1, dead: 1, totals: { 0: 2, 2: 2 } }
    assert.deepEqual(document.events, [
      { event: EVENT, event_id: id, name: 'Final', agree: true, log: books, redis: books, clickhouse: books },
    ])
    assert.equal(status, 0)
  })

  it('ends with 2 and a sentence when it is asked for what there is not', async () => {
    for (const [args, sentence] of [
      [['--event', '99'], /nothing is known of event 99/],
      [['--event', 'abcdefghijklmnopqrstuv'], /is no event's public id/],
      [['--evnt', '7'], /Unknown option '--evnt'/],
    ] as const) {
      const { status, output } = await command('reconcile', ...args)
      assert.match(output, sentence)
      assert.equal(status, 2)
    }
  })

  it('ends with 1 and the difference where Redis has one vote too many', async () => {
    await redis.hincrby(tallyKey(FIRST, EVENT), '0', 1)
    const people = await command('reconcile')
    const program = await command('reconcile', '--json', '--event', '7')
    await redis.hincrby(tallyKey(FIRST, EVENT), '0', -1)
    assert.match(people.output, /7 +0 +4 +contestant 0 +2 +3 +2/)
    assert.equal(people.status, 1)
    assert.equal(program.status, 1)
    const [, difference] = JSON.parse(program.stdout).differences
    assert.deepEqual(
      {
        shard: difference.shard,
        contestant: difference.contestant,
        log: difference.log,
        redis: difference.redis,
      },
      { shard: FIRST, contestant: 0, log: 2, redis: 3 },
    )
  })

  it('finds one vote too few in a window of Redis, and a window too many', async () => {
    const key = windowKey(SECOND, EVENT, windowStart(votedAtMs))
    assert.deepEqual(
      await whileChanged(
        () => redis.hincrby(key, '2', -1),
        () => redis.hincrby(key, '2', 1),
      ),
      ['event 7 shard 1 votes of a window 2 in 10 s: 2 1 - -'],
    )
    const other = windowKey(SECOND, EVENT, windowStart(votedAtMs) - WINDOW_MS)
    assert.deepEqual(
      await whileChanged(
        () => redis.hset(other, '0', 1),
        () => redis.del(other),
      ),
      ['event 7 shard 1 votes of a window 0 in 10 s: 0 1 - -'],
    )
  })

  it('overlooks no window that came after the windows were listed', async () => {
    // As a Redis that lists nothing.
    const blind: Redis = Object.create(redis, { scanStream: { value: () => Readable.from([]) } })
    const key = windowKey(SECOND, EVENT, windowStart(votedAtMs))
    assert.ok(agrees(await reconcile({ nats, redis: blind, clickhouse, waitMs: 30_000 })))
    await redis.hincrby(key, '2', 1)
    const { events } = await reconcile({ nats, redis: blind, clickhouse, waitMs: 30_000 })
    await redis.hincrby(key, '2', -1)
    assert.deepEqual(
      events.flatMap(({ differences }) => differences.map(figures)),
      ['event 7 shard 1 votes of a window 2 in 10 s: 2 3 - -'],
    )
  })

  it('finds the missing bit of a voter, who could vote twice', async () => {
    const { chunk, offset } = bitPosition(voterNumber(4), SHARDS)
    const setBit = (bit: 0 | 1) => redis.setbit(votedKey(FIRST, EVENT, chunk), offset, bit)
    assert.deepEqual(
      await whileChanged(
        () => setBit(0),
        () => setBit(1),
      ),
      ['event 7 shard 0 bits of voters: 4 3 - -'],
    )
    const setChunk = (bit: 0 | 1) => redis.setbit(chunksKey(SECOND, EVENT), chunk, bit)
    const differences = await whileChanged(
      () => setChunk(0),
      () => setChunk(1),
    )
    assert.deepEqual(differences, ['event 7 shard 1 bits of voters: 2 0 - -'])
  })

  it('finds the missing bit of a rejected vote, and a closing that Redis does not have', async () => {
    const { chunk, offset } = bitPosition(voterNumber(6), SHARDS)
    const setBit = (bit: 0 | 1) => redis.setbit(rejectedKey(FIRST, EVENT, chunk), offset, bit)
    assert.deepEqual(
      await whileChanged(
        () => setBit(0),
        () => setBit(1),
      ),
      ['event 7 shard 0 bits of rejected votes: 2 1 - -'],
    )
    assert.deepEqual(
      await whileChanged(
        () => redis.hdel(tallyKey(FIRST, EVENT), 'closed_at'),
        () => redis.hset(tallyKey(FIRST, EVENT), 'closed_at', votedAtMs),
      ),
      ['event 7 shard 0 closed: 1 0 - -'],
    )
  })

  it('finds an event that Redis alone does not know, and one that Redis alone knows', async () => {
    const lost = await whileChanged(
      () => redis.srem(eventsKey(SECOND), EVENT),
      () => redis.sadd(eventsKey(SECOND), EVENT),
    )
    assert.ok(lost.includes('event 7 shard 1 entries: 3 0 3 -'), String(lost))
    const invented = tallyKey(SECOND, eventNumber(8))
    const found = await whileChanged(
      () => redis.multi().sadd(eventsKey(SECOND), 8).hset(invented, '1', 1, 'entries', 1).exec(),
      () => redis.multi().srem(eventsKey(SECOND), 8).del(invented).exec(),
    )
    assert.deepEqual(found, [
      'event 8 shard 1 entries: 0 1 0 -',
      'event 8 shard 1 counted: 0 1 0 -',
      'event 8 shard 1 votes of a contestant 1: 0 1 0 -',
    ])
  })

  /** Takes rows out of a table of ClickHouse while the books are compared. */
  const without = async (table: string, rows: string) =>
    whileChanged(
      async () => {
        await sql(`CREATE OR REPLACE TABLE kept ENGINE = Memory AS SELECT * FROM ${table} WHERE ${rows}`)
        await sql(`DELETE FROM ${table} WHERE ${rows}`)
      },
      () => sql(`INSERT INTO ${table} SELECT * FROM kept`),
    )

  it('finds a row that ClickHouse lost, and one that it has too many', async () => {
    assert.deepEqual(await without('votes_log', 'voter = 3'), [
      'event 7 shard 1 entries: 3 3 2 -',
      'event 7 shard 1 counted: 2 2 1 -',
      'event 7 shard 1 votes of a contestant 2: 2 2 1 -',
      'event 7 shard 1 votes in the log: 2 - 1 -',
    ])
    const added = await whileChanged(
      () =>
        sql(`INSERT INTO votes_log SELECT * REPLACE (5 AS voter, 9 AS position, 1 AS contestant)
          FROM (SELECT * FROM votes_log FINAL WHERE voter = 3)`),
      () => sql('DELETE FROM votes_log WHERE voter = 5'),
    )
    assert.deepEqual(added, [
      'event 7 shard 1 entries: 3 3 4 -',
      'event 7 shard 1 counted: 2 2 3 -',
      'event 7 shard 1 votes of a contestant 1: 0 0 1 -',
      'event 7 shard 1 votes in the log: 2 - 3 -',
    ])
  })

  it('finds a decision, a closing and a dead entry that ClickHouse lost', async () => {
    assert.deepEqual(await without('decisions_log', 'voter = 4'), [
      'event 7 shard 0 counted: 2 2 3 -',
      'event 7 shard 0 rejected: 2 2 1 -',
      'event 7 shard 0 votes of a contestant 1: 0 0 1 -',
      'event 7 shard 0 decisions in the log: 2 - 1 -',
      'event 7 shard 0 votes of a window 1 in 60 s: 0 - - 1',
    ])
    // Whoever voted behind it was admitted all the same; the minute then counts it without the decision.
    assert.deepEqual(await without('votes_log', "kind = 'closing'"), [
      'event 7 shard 0 closings in the log: 1 - 0 -',
      'event 7 shard 0 votes of a window 0 in 60 s: 2 - - 1',
    ])
    assert.deepEqual(await without('dead_entries', 'event = 7'), [
      'event 7 shard 1 entries: 3 3 2 -',
      'event 7 shard 1 dead: 1 1 0 -',
      'event 7 shard 1 dead entries in the log: 1 - 0 -',
    ])
  })

  it('finds one vote too many in a minute of ClickHouse', async () => {
    const change = (by: number) =>
      sql(`INSERT INTO window_tallies SELECT * REPLACE (votes + ${by} AS votes, sequence + 1 AS sequence)
        FROM window_tallies FINAL WHERE event = 7 AND contestant = 2`)
    assert.deepEqual(
      await whileChanged(
        () => change(1),
        () => change(-1),
      ),
      ['event 7 shard 1 votes of a window 2 in 60 s: 2 - - 3'],
    )
  })

  for (const [moment, question] of [
    ['before its minutes are read', 'FROM archive_positions'],
    ['before its rows are read', 'FROM window_tallies'],
  ] as const) {
    it(`waits for an archive that is begun anew ${moment}`, async () => {
      let isInterrupted = false
      const interrupted: ClickHouseClient = Object.create(clickhouse, {
        query: {
          async value(asked: Parameters<ClickHouseClient['query']>[0]) {
            const answer = await clickhouse.query(asked)
            if (isInterrupted || !asked.query.includes(question)) return answer
            isInterrupted = true
            await sql('DELETE FROM votes_log WHERE voter = 4')
            await sql('ALTER TABLE window_tallies DELETE WHERE shard = 0 SETTINGS mutations_sync = 2')
            return answer
          },
        },
      })
      const books = await whileSinksRun(() =>
        reconcile({ nats, redis, clickhouse: interrupted, waitMs: 30_000 }),
      )
      assert.ok(isInterrupted)
      assert.deepEqual(
        books.events.flatMap(({ differences }) => differences.map(figures)),
        [],
      )
      for (const { minutesSequence, redis: place } of books.shards) {
        assert.equal(minutesSequence, place.toSequence, 'the minutes were compared, too')
      }
    })
  }

  it('ends with 1 and names the message with something dead in it that has no letter', async () => {
    const letters = await openDeadLetters(nats, 1)
    const kept: DeadLetter[] = []
    for await (const letter of letters.list(SECOND)) kept.push(letter)
    for (const letter of kept) await letters.remove(letter)
    const { status, output } = await command('reconcile')
    for (const letter of kept) await letters.put(letter)
    assert.match(
      output,
      /Shard 1: 1 message of the log with something dead, 0 in VOTES_DEAD: none for message 1\./,
    )
    assert.equal(status, 1)
    assert.ok(agrees(await reconciled()))
  })

  it('compares only the entries of an event that ClickHouse also has from an earlier stream', async () => {
    await sql(`INSERT INTO votes_log SELECT * REPLACE ('2025-01-01T00:00:00Z' AS generation)
      FROM (SELECT * FROM votes_log FINAL WHERE voter = 3)`)
    const { status, output } = await command('reconcile')
    const without3 = await reconciled()
    await sql(`DELETE FROM votes_log WHERE generation = '2025-01-01T00:00:00Z'`)
    assert.match(output, /Shard 1: ClickHouse also holds 1 entries of a stream made 2025-01-01T00:00:00Z/)
    // In ClickHouse the voter's vote of this stream is superseded; the minutes were written before it was.
    assert.deepEqual(
      without3.events.flatMap(({ differences }) => differences.map(figures)),
      ['event 7 shard 1 votes of a window 2 in 60 s: - - 1 2'],
    )
    assert.equal(status, 1)
  })

  it('has a row for messages that nobody can read, where there are any', async () => {
    await nats.js.publish(voteSubject(SECOND), Uint8Array.of(0xff, 0xff))
    const { status, output } = await whileSinksRun(() => command('reconcile', '--wait', '30'))
    assert.match(output, /0 +unreadable messages +1 +0 +0 +1 +0 +0 +0 +ok/)
    assert.equal(status, 0)
  })

  it('ends with 2 when a sink does not get to the end of the log', async () => {
    await redis.hset(checkpointKey(FIRST), 'sequence', 3)
    const { status, output } = await command('reconcile', '--wait', '1')
    await redis.hset(checkpointKey(FIRST), 'sequence', 4)
    assert.match(output, /shard 0: Redis is at message 3, the log ends at 4/)
    assert.equal(status, 2)
  })

  it('compares what is left of a log that was purged, and the sinks with each other', async () => {
    await nats.jsm.streams.purge('VOTES_0', { seq: 3 })
    const { status, output } = await command('reconcile')
    assert.match(output, /Shard 0: the log was purged and begins at message 3/)
    assert.equal(status, 0, output)
    await redis.hincrby(tallyKey(FIRST, EVENT), '0', 1)
    const { events } = await reconciled()
    await redis.hincrby(tallyKey(FIRST, EVENT), '0', -1)
    assert.deepEqual(
      events.flatMap(({ differences }) => differences.map(figures)),
      ['event 7 shard 0 counted: - 3 2 -', 'event 7 shard 0 votes of a contestant 0: - 3 2 -'],
    )
    assert.deepEqual(await without('votes_log', 'voter = 8'), [
      'event 7 shard 0 entries: - 5 4 -',
      'event 7 shard 0 counted: - 2 1 -',
      'event 7 shard 0 votes of a contestant 0: - 2 1 -',
      'event 7 shard 0 bits of voters: - 4 3 -',
      'event 7 shard 0 votes in the log: 1 - 0 -',
    ])
  })

  it('ends with 2 and says why where a message of a newer writer halts the shard', async () => {
    const newer = logMessage.encode({ ...messageOf({}), version: 9 } as LogMessage)
    const { seq } = await nats.js.publish(voteSubject(SECOND), newer)
    const { status, output } = await command('reconcile', '--wait', '1')
    const sentence = `the log ends at ${seq}; it halts before message ${seq}: LogMessage of version 9`
    assert.ok(output.includes(sentence), output)
    assert.equal(status, 2)
  })

  it('ends with 2 when a server is away', async () => {
    await servers.kill('redis')
    const { status, output } = await command('reconcile', '--wait', '1')
    assert.match(output, /Redis/)
    assert.equal(status, 2)
  })
})
