import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createTokens } from '@votestream/gateway/tokens'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createClient } from '../../src/demo/client.js'
import { createEvent, type DemoEvent } from '../../src/demo/crowd.js'
import { type Environment, parseEnvironment, variablesForTests } from '../../src/environment.js'
import { labelRule } from '../../src/metrics-reference/label-values.js'
import {
  describedMetrics,
  isOfTraces,
  SERVICES,
  type Service,
} from '../../src/metrics-reference/reference.js'
import { readProcessRecord } from '../../src/process-record.js'
import { readSecrets } from '../../src/secrets.js'
import { type RunningSystem, startSystem } from '../../src/system.js'
import { type ReadFamily, type ReadSample, readOpenMetrics } from '../openmetrics.js'

const VOTERS = 12
const TRACE = '0af7651916cd43dd8448eb211c80319c'

interface User {
  readonly user_id: string
  readonly token: string
}

/** All of `npm start`, after some votes: what its services tell of themselves is what happened. */
describe('the metrics of a whole system', function () {
  this.timeout(90_000)
  const folder = mkdtempSync(join(tmpdir(), 'votestream-metrics-'))
  let environment: Environment
  let system: RunningSystem
  let event: DemoEvent
  let voters: User[]

  before(async () => {
    const given: NodeJS.ProcessEnv = { DATA_DIR: folder, CONSUMER_LAG_P99_MAX_MS: '150' }
    const ports = [
      'GATEWAY',
      'NATS',
      'REDIS',
      'CLICKHOUSE',
      'GATEWAY_METRICS',
      'INGEST_METRICS',
      'PROCESSOR_METRICS',
    ]
    for (const name of ports) given[`${name}_PORT`] = String(await freePort())
    environment = parseEnvironment(given, folder)
    const variables = { ...variablesForTests(), CONSUMER_LAG_P99_MAX_MS: '150' }
    const { signal } = new AbortController()
    system = await startSystem({
      root: repositoryRoot(),
      environment,
      signal,
      variables,
      say: () => undefined,
    })
    await cast()
  })
  after(async () => {
    await system?.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const base = () => `http://127.0.0.1:${environment.GATEWAY_PORT}`

  /** A viewer looks on; everybody votes, and one of them again; one shows no token. */
  const cast = async (): Promise<void> => {
    const secrets = (await readSecrets(environment.DATA_DIR)) ?? assert.fail('no secrets')
    const ids = createOpaqueIds(secrets.idSecret)
    const tokens = createTokens({ secret: secrets.jwtSecret, ids, ttlSeconds: 600 })
    const made = await createEvent(
      createClient(base(), 30_000),
      tokens.issue({ scopes: ['accounts:register'] }),
    )
    event = made.event
    const own = Object.entries(environment).map(([name, value]) => [name, String(value)])
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(repositoryRoot(), 'scripts/dist/src/token.js'), '--voters', String(VOTERS)],
      { env: { ...variablesForTests(), ...Object.fromEntries(own) } },
    )
    voters = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as User)
    const left = new AbortController()
    const stream = await fetch(`${base()}/v1/event/${event.event_id}/leaderboard/stream`, {
      headers: { authorization: `Bearer ${made.token}` },
      signal: left.signal,
    })
    for (const voter of voters) assert.equal(await vote(voter), 200)
    const [first] = voters
    assert.equal(await vote(first ?? assert.fail()), 409)
    assert.equal(await vote({ user_id: 'nobody', token: '' }), 401)
    const shown = async () =>
      (await value('gateway', 'votestream_end_to_end_seconds_count', { from: 'client' })) > 0
    while (!(await shown())) await pause(50)
    left.abort()
    await stream.body?.cancel().catch(() => undefined)
  }
  const vote = async ({ user_id, token }: User): Promise<number> => {
    const response = await fetch(`${base()}/v1/vote/submit`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({
        user_id,
        event_id: event.event_id,
        contestant_id: event.contestants[0]?.contestant_id,
        client_timestamp: new Date(Date.now() - 20).toISOString(),
      }),
    })
    await response.arrayBuffer()
    return response.status
  }

  const page = async (service: Service): Promise<ReadFamily[]> => {
    const port = environment[`${service.toUpperCase() as Uppercase<Service>}_METRICS_PORT`]
    const headers = { accept: 'application/openmetrics-text' }
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers })
    assert.equal(
      response.headers.get('content-type'),
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    )
    return readOpenMetrics(await response.text())
  }
  const samples = async (
    service: Service,
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<ReadSample[]> =>
    (await page(service))
      .flatMap((family) => family.samples)
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted))
  /** Over all series that have these labels. */
  const value = async (
    service: Service,
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<number> => (await samples(service, name, labels)).reduce((sum, sample) => sum + sample.value, 0)
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await pause(100)
  }

  it('tell of every vote: what its client was told, what its shard decided, and in what batches it went', async () => {
    const requests = (code: string) =>
      value('gateway', 'votestream_requests_total', { api: 'rest', operation: 'submitVote', code })
    assert.deepEqual(await Promise.all(['OK', 'DUPLICATE_VOTE', 'UNAUTHENTICATED'].map(requests)), [
      VOTERS,
      1,
      1,
    ])
    assert.equal(await value('gateway', 'votestream_ingest_seconds_count', { api: 'rest' }), VOTERS)
    const outcomes = (outcome: string) => value('ingest', 'votestream_votes_total', { outcome })
    assert.deepEqual(await Promise.all(['accepted', 'duplicate', 'closed'].map(outcomes)), [VOTERS, 1, 0])
    assert.equal(await value('gateway', 'votestream_submission_batch_votes_sum'), VOTERS + 1)
    assert.equal(await value('ingest', 'votestream_commit_batch_votes_sum'), VOTERS)
    assert.ok((await value('ingest', 'votestream_commit_seconds_count')) >= 1)
    assert.equal(await value('processor', 'votestream_tally_batch_votes_sum'), VOTERS)
    assert.ok((await value('processor', 'votestream_processing_seconds_count')) >= 1)
    await until(async () => (await value('processor', 'votestream_archive_batch_rows_sum')) >= VOTERS)
    for (const from of ['acked_at', 'client']) {
      assert.ok((await value('gateway', 'votestream_end_to_end_seconds_count', { from })) >= 1, from)
    }
  })

  it('have the votes’ trace where it was at hand', async () => {
    for (const [service, name] of [
      ['gateway', 'votestream_ingest_seconds_bucket'],
      ['ingest', 'votestream_commit_seconds_bucket'],
      ['processor', 'votestream_processing_seconds_bucket'],
    ] as const) {
      const traces = (await samples(service, name)).flatMap(({ exemplar }) => exemplar?.labels.trace_id ?? [])
      assert.ok(traces.length > 0 && traces.every((trace) => trace === TRACE), name)
    }
  })

  it('say that nothing waits any more, in either sink, who has which lease, and that every store is there', async () => {
    for (const sink of ['redis', 'clickhouse']) {
      const lag = (what: string) => samples('processor', `votestream_consumer_lag_${what}`, { sink })
      await until(async () => (await lag('messages')).every((sample) => sample.value === 0))
      assert.equal((await lag('messages')).length, environment.SHARDS)
      for (const what of ['votes', 'seconds']) {
        assert.deepEqual([...new Set((await lag(what)).map((sample) => sample.value))], [0], what)
      }
    }
    assert.ok(
      (await value('processor', 'votestream_consumer_lag_sampled_seconds_count', { sink: 'redis' })) > 0,
    )
    assert.equal(await value('processor', 'votestream_consumer_lag_p99_max_seconds'), 0.15)
    for (const role of ['ingest', 'tally', 'archive', 'janitor']) {
      const service = role === 'ingest' ? 'ingest' : 'processor'
      assert.equal(await value(service, 'votestream_lease_held', { role }), environment.SHARDS, role)
      const taken = { role, change: 'taken' }
      assert.ok((await value(service, 'votestream_lease_changes_total', taken)) >= environment.SHARDS, role)
    }
    assert.equal(await value('processor', 'votestream_store_up'), 3)
    assert.ok((await value('processor', 'votestream_disk_free_bytes', { of: 'data' })) > 0)
    assert.ok((await value('processor', 'votestream_redis_memory_bytes')) > 0)
    assert.ok((await value('processor', 'votestream_jetstream_storage_bytes')) > 0)
    assert.equal(await value('processor', 'votestream_dead_letters'), 0)
  })

  it('keep the books of the event: entries in both sinks, and no difference', async () => {
    const of = { event: event.event_id }
    const book = (name: string, state: string) =>
      value('processor', 'votestream_books_votes', { ...of, book: name, state })
    await until(async () => (await book('clickhouse', 'entries')) === VOTERS)
    assert.equal(await book('redis', 'entries'), VOTERS)
    assert.equal(await book('redis', 'counted'), VOTERS)
    assert.deepEqual(
      (await samples('processor', 'votestream_books_difference_votes', of)).map((sample) => sample.value),
      [0],
    )
  })

  it('say within moments that a store has stopped answering, and that it is back', async () => {
    const redis = readProcessRecord(environment.DATA_DIR)?.children.find(({ name }) => /redis/i.test(name))
    assert.ok(redis)
    process.kill(redis.pid, 'SIGSTOP')
    try {
      for (const service of SERVICES) {
        await until(async () => (await value(service, 'votestream_store_up', { store: 'redis' })) === 0)
        assert.equal(await value(service, 'votestream_store_up', { store: 'nats' }), 1, service)
      }
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
    for (const service of SERVICES) {
      await until(async () => (await value(service, 'votestream_store_up', { store: 'redis' })) === 1)
    }
  })

  it('are those of the table, all of them, and their labels hold what it says', async () => {
    const described = describedMetrics()
    for (const service of SERVICES) {
      const found = await page(service)
      const names = found.map(({ name, type }) => (type === 'counter' ? `${name}_total` : name))
      const wanted = described.filter(({ services, name }) => services.includes(service) && !isOfTraces(name))
      assert.deepEqual(names.sort(), wanted.map(({ name }) => name).sort(), service)
      for (const { name, type, samples: told } of found) {
        const metric = described.find((each) => each.name === (type === 'counter' ? `${name}_total` : name))
        assert.ok(metric)
        for (const { labels } of told) {
          for (const [label, held] of Object.entries(labels)) {
            if (label === 'le' && type === 'histogram') continue
            assert.ok(metric.labels.includes(label), `${name} has a label ${label}`)
            assert.ok(labelRule(metric.name, label).allows(held), `${name}: ${label} holds ${held}`)
          }
        }
      }
    }
  })
})
