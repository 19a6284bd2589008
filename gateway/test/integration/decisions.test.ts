import assert from 'node:assert/strict'
import type { Subscription } from '@nats-io/nats-core'
import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { logPosition } from '@votestream/infra/log-reader'
import { createLogger } from '@votestream/infra/logging'
import { applyMigrations, readMigrations } from '@votestream/infra/migrations'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { ensureVoteStreams } from '@votestream/infra/streams'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import { type ErrorCode, VotestreamError } from '@votestream/schema/errors'
import { eventNumber, shardNumber, shardOf, voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { decideSubject, voteSubject } from '@votestream/schema/subjects'
import { type Decision, decideReply, decideRequest, logMessage, VERDICT } from '@votestream/schema/votes'
import { createArchiveQueries } from '../../src/archive-queries.js'
import { createArchivedVotes } from '../../src/archived-votes.js'
import { createDecidedLogs, createDecisions, type Decisions } from '../../src/decisions.js'
import { projectEvent } from '../../src/event-catalog.js'
import { callerOf } from './test-gateway.js'

const SHARDS = 2
const logger = createLogger('test', 'silent')
const event = eventNumber(7)
const operator = callerOf(99, ['admin'])
const known = projectEvent(createOpaqueIds('a secret for the tests'))({
  version: 1,
  number: event,
  name: 'The Grand Final',
  createdBy: voterNumber(1),
  createdAtMs: 1,
  opensAtMs: null,
  closesAtMs: null,
  contestants: [],
})

describe('deciding on a vote', function () {
  this.timeout(60_000)
  let servers: TestServers
  let nats: Nats
  let clickhouse: ClickHouseClient
  let generation: string
  const owners: Subscription[] = []
  let voters = 0
  const asked: Decision[] = []

  before(async () => {
    servers = await startServersForTest(['nats', 'clickhouse'])
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    clickhouse = connectClickhouse({ url: servers.get('clickhouse').url, user: 'default', password: '' })
    await applyMigrations({ clickhouse, migrations: await readMigrations(migrationsFolder), say: () => {} })
    await ensureVoteStreams(nats, { shards: SHARDS, replicas: 1 })
    generation = (await logPosition(nats, shardNumber(0))).generation
  })
  after(async () => {
    await clickhouse?.close()
    await nats?.close()
    await servers?.stop()
  })
  beforeEach(() => {
    asked.length = 0
  })
  afterEach(() => {
    for (const owner of owners.splice(0)) owner.unsubscribe()
  })

  /** Somebody of shard 0 whom no test has met. */
  const newVoter = () => {
    voters += SHARDS
    return voterNumber(voters)
  }
  const createDesk = (archiveWaitMs = 5_000, ackDeadlineMs = 5_000): Decisions =>
    createDecisions({
      store: (call) => call(),
      catalog: { get: async (number) => (number === event ? known : undefined) },
      archive: createArchivedVotes(createArchiveQueries({ clickhouse, timeoutMs: 5_000 })),
      logs: createDecidedLogs({ nats, shards: SHARDS, ackDeadlineMs }),
      shards: SHARDS,
      archiveWaitMs,
    })
  /** An owner of shard 0, which answers as it is told. */
  const startOwner = (answer: (call: number) => boolean | undefined = () => true): void => {
    const subject = decideSubject(shardNumber(0))
    let calls = 0
    const callback = (
      error: Error | null,
      message: { data: Uint8Array; respond(data: Uint8Array): unknown },
    ) => {
      const { decision } = decideRequest.decode(message.data)
      if (error || !decision) return
      asked.push(decision)
      const decided = answer(calls)
      calls += 1
      if (decided !== undefined) message.respond(decideReply.encode({ decided }))
    }
    owners.push(nats.connection.subscribe(subject, { callback }))
  }
  const insert = (table: string, values: readonly object[]) =>
    clickhouse.insert({ table, values, format: 'JSONEachRow' })
  const entry = (
    voter: number,
    sequence: number,
    contestant: number,
    ackedAtMs: number,
    more: object = {},
  ) => ({
    ...{ event, shard: shardOf(voterNumber(voter), SHARDS), voter, generation, sequence, position: 0 },
    ...{
      kind: 'vote',
      contestant,
      acked_at: new Date(ackedAtMs).toISOString().replace('T', ' ').replace('Z', ''),
    },
    ...more,
  })
  const archivedUpTo = (sequence: number) =>
    insert('window_tallies', [
      { event: 0, minute: 0, contestant: 0, shard: 0, generation, votes: 0, sequence },
    ])
  const append = async (): Promise<number> => {
    const message = { votes: [], closings: [], takeover: { owner: 'test' }, decisions: [] }
    return (await nats.js.publish(voteSubject(shardNumber(0)), logMessage.encode(message))).seq
  }
  const isRefused = async (deciding: Promise<unknown>, code: ErrorCode, retryAfterSeconds?: number) => {
    const error = await deciding.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof VotestreamError, String(error))
    assert.deepEqual([error.code, error.retryAfterSeconds], [code, retryAfterSeconds])
  }

  it("tells the owner what the decision is about: the voter's first entry", async () => {
    const voter = newVoter()
    startOwner()
    await insert('votes_log', [
      entry(voter, 12, 2, 1_700_000_000_789),
      entry(voter, 11, 1, 1_700_000_000_456, { position: 4 }),
      entry(voter, 11, 3, 1_700_000_000_456, { position: 5 }),
      entry(voter, 10, 0, 1_600_000_000_000, { kind: 'takeover' }),
      entry(voter, 9, 0, 1_600_000_000_000, { event: event + 1 }),
    ])
    assert.equal(await createDesk().decide(operator, { event, voter }, 'reject'), known)
    const { attempt, ...decision } = { ...(asked[0] as Decision) }
    assert.deepEqual(decision, {
      ...{ event, voter, contestant: 1, votedAtMs: 1_700_000_000_456 },
      ...{ verdict: VERDICT.reject, decidedBy: operator.voter },
    })
    assert.ok(attempt)
  })

  it('asks under one name until the owner has it on disk, and under another for another decision', async () => {
    const voter = newVoter()
    await insert('votes_log', [entry(voter, 11, 1, 1_700_000_000_456)])
    startOwner((call) => (call === 1 ? undefined : call > 1))
    await createDesk().decide(operator, { event, voter }, 'reject')
    assert.equal(asked.length, 3)
    await createDesk().decide(operator, { event, voter }, 'admit')
    const names = asked.map(({ attempt }) => attempt)
    assert.equal(new Set(names.slice(0, 3)).size, 1)
    assert.notEqual(names[3], names[0])
    assert.equal(asked[3]?.verdict, VERDICT.admit)
  })

  it('without an owner that has done it by the deadline says that it may be so or not', async () => {
    const voter = newVoter()
    await insert('votes_log', [entry(voter, 11, 1, 1_700_000_000_456)])
    const deciding = createDesk(5_000, 200).decide(operator, { event, voter }, 'reject')
    await isRefused(deciding, 'VOTES_UNAVAILABLE', 1)
    startOwner(() => false)
    await isRefused(
      createDesk(5_000, 200).decide(operator, { event, voter }, 'reject'),
      'VOTES_UNAVAILABLE',
      1,
    )
    assert.ok(asked.length > 1)
  })

  it('waits for the archive where the vote may still be on its way there', async () => {
    const voter = newVoter()
    startOwner()
    const end = await append()
    const deciding = createDesk(30_000).decide(operator, { event, voter }, 'reject')
    // It is there before its shard's archive is called as far.
    await insert('votes_log', [entry(voter, end, 2, 1_700_000_000_456)])
    await archivedUpTo(end)
    await deciding
    assert.equal(asked[0]?.contestant, 2)
  })

  it('knows that there is no such vote only from an archive that is as far as the log', async () => {
    const voter = newVoter()
    startOwner()
    const end = await append()
    await archivedUpTo(end - 1)
    await isRefused(createDesk(100).decide(operator, { event, voter }, 'reject'), 'RESULTS_UNAVAILABLE', 1)
    await archivedUpTo(end)
    await isRefused(createDesk(100).decide(operator, { event, voter }, 'reject'), 'VOTE_NOT_FOUND')
    const nowhere = { event: eventNumber(8), voter }
    await isRefused(createDesk().decide(operator, nowhere, 'reject'), 'VOTE_NOT_FOUND')
    assert.deepEqual(asked, [])
  })

  it('is for operators alone', async () => {
    startOwner()
    const vote = { event, voter: newVoter() }
    await insert('votes_log', [entry(vote.voter, 11, 1, 1_700_000_000_456)])
    for (const caller of [callerOf(vote.voter), callerOf(undefined, ['accounts:register'])]) {
      await isRefused(createDesk().decide(caller, vote, 'reject'), 'WRONG_SCOPE')
    }
    assert.deepEqual(asked, [])
    await createDesk().decide(callerOf(undefined, ['admin']), vote, 'reject')
    assert.equal(asked.length, 1)
  })

  it('decides nothing while the archive is away', async () => {
    startOwner()
    await servers.kill('clickhouse')
    const vote = { event, voter: newVoter() }
    await isRefused(createDesk().decide(operator, vote, 'reject'), 'RESULTS_UNAVAILABLE', 1)
    assert.deepEqual(asked, [])
  })
})
