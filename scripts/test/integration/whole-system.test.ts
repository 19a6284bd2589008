import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createTokens } from '@votestream/gateway/tokens'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { createClient } from '../../src/demo/client.js'
import { createEvent, type DemoEvent, type Ledger, runCrowd } from '../../src/demo/crowd.js'
import { type Environment, parseEnvironment, variablesForTests } from '../../src/environment.js'
import { readProcessRecord } from '../../src/process-record.js'
import { readSecrets, type Secrets } from '../../src/secrets.js'
import { type RunningSystem, startSystem } from '../../src/system.js'

const execute = promisify(execFile)
const root = repositoryRoot()

interface User {
  readonly user_id: string
  readonly token: string
}

/** The whole of `npm start`, on free ports and a folder of its own: every part is the real one. */
describe('the whole system', () => {
  let folder: string
  let environment: Environment
  let system: RunningSystem
  let secrets: Secrets
  let base: string
  const lines: string[] = []

  const variables = (): NodeJS.ProcessEnv => {
    const own = Object.entries(environment).map(([name, value]) => [name, String(value)])
    return { ...variablesForTests(), ...Object.fromEntries(own) }
  }

  const start = async (): Promise<void> => {
    lines.length = 0
    const { signal } = new AbortController()
    const say = (line: string) => void lines.push(...line.split('\n'))
    system = await startSystem({ root, environment, signal, variables: variablesForTests(), say })
    const found = await readSecrets(environment.DATA_DIR)
    assert.ok(found)
    secrets = found
  }

  before(async function () {
    this.timeout(60_000)
    folder = await mkdtemp(join(tmpdir(), 'votestream-whole-'))
    const ports = [
      'GATEWAY',
      'NATS',
      'REDIS',
      'CLICKHOUSE',
      'GATEWAY_METRICS',
      'INGEST_METRICS',
      'PROCESSOR_METRICS',
    ]
    const given: NodeJS.ProcessEnv = { DATA_DIR: folder, TOKEN_TTL: '1h' }
    for (const port of ports) given[`${port}_PORT`] = String(await freePort())
    environment = parseEnvironment(given, folder)
    base = `http://127.0.0.1:${environment.GATEWAY_PORT}`
    await start()
  })
  after(async function () {
    this.timeout(20_000)
    await system.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const tokens = () =>
    createTokens({ secret: secrets.jwtSecret, ids: createOpaqueIds(secrets.idSecret), ttlSeconds: 600 })
  const client = () => createClient(base, 30_000)
  const applicationToken = () => tokens().issue({ scopes: ['accounts:register'] })

  const makeVoters = async (count: number): Promise<User[]> => {
    const { stdout } = await execute(
      process.execPath,
      [join(root, 'scripts/dist/src/token.js'), '--voters', String(count)],
      { env: variables(), maxBuffer: 64 * 1024 * 1024 },
    )
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as User)
  }

  const vote = async (
    event: DemoEvent,
    voter: User,
    contestant = 0,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`${base}/v1/vote/submit`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${voter.token}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify({
        user_id: voter.user_id,
        event_id: event.event_id,
        contestant_id: event.contestants[contestant]?.contestant_id,
      }),
    })
    return { status: response.status, body: (await response.json()) as { vote_id: string; code?: string } }
  }

  const total = async (event: DemoEvent, token: string): Promise<number> => {
    const path = `/v1/event/${event.event_id}/leaderboard`
    const board = await client().call<{ contestants: { total_votes: number }[] }>('GET', path, { token })
    return board.contestants.reduce((sum, { total_votes }) => sum + total_votes, 0)
  }

  const untilCounted = async (event: DemoEvent, token: string, votes: number): Promise<void> => {
    while ((await total(event, token)) !== votes) await pause(20)
  }

  const reconcile = async () =>
    execute(process.execPath, [join(root, 'scripts/dist/src/reconcile.js')], { env: variables() })

  const ask = async (sql: string): Promise<string> => {
    const url = `http://127.0.0.1:${environment.CLICKHOUSE_PORT}/?query=${encodeURIComponent(sql)}`
    const authorization = `Basic ${Buffer.from(`analyst:${secrets.analystPassword}`).toString('base64')}`
    const response = await fetch(url, { headers: { authorization } })
    return (await response.text()).trim()
  }

  it('says that it is ready, after a table of addresses and a demo event', () => {
    assert.equal(lines.at(-1), 'Votestream is ready')
    assert.ok(lines.some((line) => line.includes(`${base}/v1`)))
    assert.ok(lines.some((line) => line.includes('Demo event')))
  })

  it('a vote is acknowledged, counted, shown, and found by its voter', async () => {
    const { event, token } = await createEvent(client(), applicationToken())
    const [voter] = await makeVoters(1)
    assert.ok(voter)
    const { status, body } = await vote(event, voter, 2)
    assert.equal(status, 200)
    await untilCounted(event, token, 1)
    const path = `/v1/vote/${body.vote_id}/status`
    assert.deepEqual(await client().call('GET', path, { token: voter.token }), {
      vote_id: body.vote_id,
      vote_status: 'processed',
      event_name: event.event_name,
    })
  })

  it('a hundred identical votes at once: one 200, ninety-nine 409 with the same vote_id, total 1', async () => {
    const { event, token } = await createEvent(client(), applicationToken())
    const [voter] = await makeVoters(1)
    assert.ok(voter)
    const answers = await Promise.all(Array.from({ length: 100 }, () => vote(event, voter)))
    const accepted = answers.filter(({ status }) => status === 200)
    const refused = answers.filter(({ status }) => status === 409)
    assert.equal(accepted.length, 1)
    assert.equal(refused.length, 99)
    assert.equal(new Set(answers.map(({ body }) => body.vote_id)).size, 1)
    assert.ok(refused.every(({ body }) => body.code === 'DUPLICATE_VOTE'))
    await untilCounted(event, token, 1)
  })

  it('the same idempotency key gets the same answer', async () => {
    const { event } = await createEvent(client(), applicationToken())
    const [voter] = await makeVoters(1)
    assert.ok(voter)
    const key = { 'idempotency-key': 'once-only' }
    const first = await vote(event, voter, 0, key)
    assert.deepEqual(await vote(event, voter, 0, key), first)
    assert.equal((await vote(event, voter, 0, { 'idempotency-key': 'another' })).status, 409)
  })

  it('an event that its creator has closed takes no more votes, and stays as it is', async () => {
    const { event, token } = await createEvent(client(), applicationToken())
    const [early, late, other] = await makeVoters(3)
    assert.ok(early && late && other)
    assert.equal((await vote(event, early)).status, 200)
    await assert.rejects(
      client().call('POST', `/v1/event/${event.event_id}/close`, { token: other.token }),
      /403/,
    )
    await client().call('POST', `/v1/event/${event.event_id}/close`, { token })
    const { status, body } = await vote(event, late)
    assert.deepEqual([status, body.code], [403, 'VOTING_CLOSED'])
    await untilCounted(event, token, 1)
  })

  it("an operator's decision is followed by the vote's status, the board, ClickHouse and the books, and is reversed", async function () {
    this.timeout(30_000)
    const { event, token } = await createEvent(client(), applicationToken())
    const [voter, other] = await makeVoters(2)
    assert.ok(voter && other)
    await vote(event, other, 1)
    // At once: neither counted nor archived yet.
    const { body } = await vote(event, voter, 0)
    const operator = tokens().issue({ scopes: ['admin'] })
    const decide = async (verdict: 'reject' | 'admit') => {
      const path = `/v1/vote/${body.vote_id}/decision`
      const answer = await client().call('POST', path, { token: operator, body: { verdict } })
      assert.deepEqual(answer, { vote_id: body.vote_id, verdict })
    }
    const statusIs = async (expected: string): Promise<void> => {
      const path = `/v1/vote/${body.vote_id}/status`
      const read = () => client().call<{ vote_status: string }>('GET', path, { token: voter.token })
      while ((await read()).vote_status !== expected) await pause(20)
    }
    const archivedIs = async (votes: string): Promise<void> => {
      const sql = `SELECT count() FROM votes WHERE event IN (SELECT event FROM events WHERE event_id = '${event.event_id}')`
      while ((await ask(sql)) !== votes) await pause(20)
    }
    await decide('reject')
    await statusIs('rejected')
    await untilCounted(event, token, 1)
    await archivedIs('1')
    await decide('reject')
    await client().call('POST', `/v1/event/${event.event_id}/close`, { token })
    await decide('admit')
    await statusIs('processed')
    await untilCounted(event, token, 2)
    await archivedIs('2')
    await decide('reject')
    await untilCounted(event, token, 1)
    await archivedIs('1')
    await reconcile()
    await assert.rejects(
      client().call('POST', `/v1/vote/${body.vote_id}/decision`, { token, body: { verdict: 'admit' } }),
      /403/,
    )
  })

  it('kill -9 of each service under a crowd: each vote counted once, nobody wrongly refused, the books agree', async function () {
    this.timeout(90_000)
    const { event, token } = await createEvent(client(), applicationToken())
    const ledger: Ledger = { acknowledged: 0, failures: [] }
    const crowd = runCrowd({
      client: client(),
      applicationToken: applicationToken(),
      event,
      voters: 120,
      seconds: 8,
      ledger,
    })
    for (const name of ['ingest', 'processor', 'gateway']) {
      const seen = ledger.acknowledged
      while (ledger.acknowledged < seen + 10) await pause(20)
      const child = readProcessRecord(environment.DATA_DIR)?.children.find((entry) => entry.name === name)
      assert.ok(child)
      process.kill(child.pid, 'SIGKILL')
    }
    await crowd
    assert.deepEqual(ledger, { acknowledged: 120, failures: [] })
    await untilCounted(event, token, 120)
    const { stdout } = await reconcile()
    assert.match(stdout, /120/)
  })

  it('after kill -9 of ingest its shards take votes again within 4 s', async function () {
    this.timeout(30_000)
    const { event } = await createEvent(client(), applicationToken())
    const voters = await makeVoters(2)
    const child = readProcessRecord(environment.DATA_DIR)?.children.find(({ name }) => name === 'ingest')
    assert.ok(child)
    process.kill(child.pid, 'SIGKILL')
    const beganMs = performance.now()
    const answers = await Promise.all(voters.map((voter) => vote(event, voter)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    )
    assert.ok(performance.now() - beganMs < 4_000)
  })

  it('analysts see every vote in ClickHouse, and may only read', async () => {
    const { event } = await createEvent(client(), applicationToken())
    const voters = await makeVoters(20)
    for (const [index, voter] of voters.entries()) await vote(event, voter, index % 2)
    const count = () =>
      ask(
        `SELECT count() FROM votes WHERE event IN (SELECT event FROM events WHERE event_id = '${event.event_id}')`,
      )
    while ((await count()) !== '20') await pause(50)
    assert.match(await ask('TRUNCATE TABLE votes_log'), /readonly|ACCESS|denied|privileges/i)
  })

  it('stopped and started again, it finds everything as it was', async function () {
    this.timeout(60_000)
    const { event, token } = await createEvent(client(), applicationToken())
    const voters = await makeVoters(10)
    for (const voter of voters) assert.equal((await vote(event, voter)).status, 200)
    await untilCounted(event, token, 10)
    await system.stop()
    const beganMs = performance.now()
    await start()
    assert.ok(performance.now() - beganMs < 10_000, 'a warm start takes less than 10 s')
    await untilCounted(event, token, 10)
    const [first] = voters
    assert.ok(first)
    assert.equal((await vote(event, first)).status, 409)
    await reconcile()
  })
})
