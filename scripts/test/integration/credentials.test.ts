import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { IDENTITIES } from '@votestream/infra/access/identities'
import { createLogger } from '@votestream/infra/logging'
import { connectNats } from '@votestream/infra/nats'
import { freePort } from '@votestream/infra/servers/free-port'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { type Client, createClient } from '../../src/demo/client.js'
import { type Environment, parseEnvironment, variablesForTests } from '../../src/environment.js'
import { readProcessRecord } from '../../src/process-record.js'
import { readSecrets, secretsFile } from '../../src/secrets.js'
import { readStorePasswords, storePasswordsFile } from '../../src/store-passwords.js'
import { type RunningSystem, startSystem } from '../../src/system.js'

const PORTS = [
  ...(['GATEWAY_PORT', 'NATS_PORT', 'REDIS_PORT', 'CLICKHOUSE_PORT'] as const),
  ...(['GATEWAY_METRICS_PORT', 'INGEST_METRICS_PORT', 'PROCESSOR_METRICS_PORT'] as const),
]
const SERVICES = ['gateway', 'ingest', 'processor'] as const
const VOTERS = 8

/** All of `npm start`, and the commands, each with its own name and password in NATS, Redis and ClickHouse. */
describe('a whole system whose servers know each service by its own name', function () {
  this.timeout(90_000)
  const folder = mkdtempSync(join(tmpdir(), 'votestream-credentials-'))
  const given: NodeJS.ProcessEnv = { DATA_DIR: join(folder, 'data') }
  const said: string[] = []
  let environment: Environment
  let system: RunningSystem | undefined
  let client: Client
  let event: { event_id: string; contestants: { contestant_id: string }[] }
  let voters: { user_id: string; token: string }[]
  let admin: { user_id: string; token: string }

  const start = async (): Promise<void> => {
    system = await startSystem({
      root: repositoryRoot(),
      environment,
      signal: new AbortController().signal,
      // As a person's shell might hold it: not for the services to see.
      variables: {
        ...variablesForTests(),
        SOMEBODYS_PASSWORD: 'of somebody else',
        GRAPHQL_SAFELIST: 'only',
      },
      say: (line) => said.push(line),
    })
  }
  const stop = async (): Promise<void> => {
    await system?.stop()
    system = undefined
  }

  before(async () => {
    for (const name of PORTS) given[name] = String(await freePort())
    environment = parseEnvironment(given, folder)
    await start()
    client = createClient(`http://127.0.0.1:${environment.GATEWAY_PORT}`, 20_000)
    const { adminUsername: username, adminPassword: password } = await kept()
    admin = await client.call('POST', '/v1/auth/login', { token: '', body: { username, password } })
    const contestant = (name: string) => ({
      contestant_name: name,
      contestant_description: name,
      contestant_image_url: 'https://example.org/1.png',
    })
    const contestants = [contestant('One'), contestant('Two')]
    const body = { user_id: admin.user_id, event_name: 'Final', contestants }
    event = await client.call('POST', '/v1/event/create', { token: admin.token, body })
    const { output } = await command(['token', '--voters', String(VOTERS)])
    voters = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  })
  after(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const kept = async () => (await readSecrets(environment.DATA_DIR)) ?? assert.fail('no secrets')
  const passwords = async () =>
    (await readStorePasswords(environment.DATA_DIR)) ?? assert.fail('no passwords')

  const command = async (
    [name, ...args]: readonly [string, ...string[]],
    variables: NodeJS.ProcessEnv = given,
  ): Promise<{ status: number; output: string }> =>
    new Promise((resolve) => {
      const file = join(repositoryRoot(), 'scripts/dist/src', `${name}.js`)
      const options = { env: { ...variablesForTests(), ...variables } }
      execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) =>
        resolve({
          status: error ? Number(error.code) : 0,
          output: name === 'token' ? stdout : stdout + stderr,
        }),
      )
    })
  const succeeds = async (...called: [string, ...string[]]): Promise<string> => {
    const { status, output } = await command(called)
    assert.equal(status, 0, `${called}: ${output}`)
    return output
  }
  const votesShown = async (): Promise<number> => {
    const path = `/v1/event/${event.event_id}/leaderboard`
    const board = await client.call<{ contestants: { total_votes: number }[] }>('GET', path, {
      token: admin.token,
    })
    return board.contestants.reduce((sum, { total_votes }) => sum + total_votes, 0)
  }
  const untilShown = async (votes: number): Promise<void> => {
    while ((await votesShown()) !== votes) await pause(50)
  }
  const vote = async ({ user_id, token }: { user_id: string; token: string }): Promise<string> => {
    const contestant_id = event.contestants[0]?.contestant_id
    const body = { user_id, event_id: event.event_id, contestant_id }
    return (await client.call<{ vote_id: string }>('POST', '/v1/vote/submit', { token, body })).vote_id
  }

  it('takes, shows, archives and decides on votes, and the books agree', async () => {
    const voteIds = await Promise.all(voters.map(vote))
    await untilShown(VOTERS)
    const path = `/v1/vote/${voteIds[0]}/decision`
    await client.call('POST', path, { token: admin.token, body: { verdict: 'reject' } })
    await untilShown(VOTERS - 1)
    assert.match(await succeeds('reconcile'), /The books agree/)
  })

  it("lets every command do its work with the operator's name", async () => {
    await Promise.all([succeeds('migrate'), succeeds('dead', 'list'), succeeds('dead', 'retry')])
    await Promise.all([succeeds('rebuild', '--redis'), succeeds('rebuild', '--clickhouse')])
    await succeeds('rebuild', '--redis', '--event', event.event_id)
    assert.match(await succeeds('reconcile'), /The books agree/)
    assert.equal(await votesShown(), VOTERS - 1)
  })

  it('an operation that the operator registers runs, and no more when it was removed', async () => {
    const query = 'query Events { events(first: 1) { edges { node { name } } } }'
    const file = join(folder, 'events.graphql')
    writeFileSync(file, query)
    const status = async () => {
      const response = await fetch(`http://127.0.0.1:${environment.GATEWAY_PORT}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      })
      return response.status
    }
    assert.equal(await status(), 403)
    const [, id = ''] = / ([0-9a-f]{64}) /.exec(await succeeds('operations', 'register', file)) ?? []
    while ((await status()) !== 200) await pause(20)
    assert.match(await succeeds('operations', 'list'), new RegExp(id))
    await succeeds('operations', 'remove', id)
    while ((await status()) !== 403) await pause(20)
  })

  it('refuses nobody anything, all the while', async () => {
    for (const name of ['GATEWAY', 'INGEST', 'PROCESSOR'] as const) {
      const response = await fetch(`http://127.0.0.1:${environment[`${name}_METRICS_PORT`]}/metrics`)
      assert.match(await response.text(), /^votestream_nats_refused_total 0$/m, name)
    }
    for (const [name, text] of logs()) {
      assert.doesNotMatch(
        text,
        /Violation|NOPERM|NOAUTH|WRONGPASS|Not enough privileges|cannot execute/,
        name,
      )
    }
  })

  it('no process has a secret in its arguments, no log and no line says one, and only its owner reads the files', async () => {
    const { jwtSecret, idSecret, clickHousePassword, ...shown } = await kept()
    const { nats, redis, clickhouse } = await passwords()
    const secret = [jwtSecret, idSecret, clickHousePassword].concat(
      [nats, redis, clickhouse].flatMap((store) => Object.values(store)),
    )
    // These two are printed on purpose.
    const inLogs = [...secret, shown.adminPassword, shown.analystPassword]
    const without = (text: string, values: readonly string[], where: string) => {
      for (const value of values) assert.ok(!text.includes(value), where)
    }
    for (const { name, pid } of children())
      without(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), inLogs, name)
    for (const [name, text] of logs()) without(text, inLogs, name)
    without(said.join('\n'), secret, 'what was said')
    for (const file of [secretsFile(environment.DATA_DIR), storePasswordsFile(environment.DATA_DIR)]) {
      assert.equal(statSync(file).mode & 0o777, 0o600)
    }
  })

  it('gives each service its own passwords, and of the other secrets what it needs', async () => {
    const { jwtSecret, idSecret, adminPassword, clickHousePassword } = await kept()
    const made = await passwords()
    for (const service of SERVICES) {
      const pid = children().find(({ name }) => name === service)?.pid
      const environ = readFileSync(`/proc/${pid}/environ`, 'utf8')
      assert.ok(environ.includes(made.nats[service]) && environ.includes(made.redis[service]), service)
      assert.equal(environ.includes(jwtSecret), service === 'gateway', service)
      assert.equal(environ.includes(adminPassword), service === 'gateway', service)
      assert.equal(environ.includes(idSecret), service !== 'ingest', service)
      const others = IDENTITIES.filter((other) => other !== service)
      const foreign = others.flatMap((other) => [made.nats[other], made.redis[other]])
      for (const password of [...foreign, clickHousePassword, 'of somebody else']) {
        assert.ok(!environ.includes(password), service)
      }
    }
  })

  it('listens on this machine alone: another address of it is refused', async () => {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    const others = addresses.filter(({ family, internal }) => family === 'IPv4' && !internal)
    for (const host of ['127.0.0.2', ...others.map(({ address }) => address)]) {
      for (const name of PORTS) {
        const socket = connect({ host, port: environment[name] })
        const outcome = await Promise.race([
          once(socket, 'connect').then(() => 'taken'),
          once(socket, 'error').then(([error]) => error.code),
        ]).catch((error: NodeJS.ErrnoException) => error.code)
        socket.destroy()
        assert.equal(outcome, 'ECONNREFUSED', `${name} on ${host}`)
      }
    }
  })

  it('a service with a wrong password ends, and its log says why', async () => {
    const child = spawn(process.execPath, [join(repositoryRoot(), 'ingest/dist/src/main.js')], {
      env: {
        ...variablesForTests(),
        NATS_URL: `nats://127.0.0.1:${environment.NATS_PORT}`,
        NATS_USER: 'ingest',
        NATS_PASSWORD: 'not this one',
        INGEST_METRICS_PORT: '0',
      },
    })
    let output = ''
    child.stdout.on('data', (piece) => (output += piece))
    const [status] = await once(child, 'close')
    assert.equal(status, 1)
    assert.match(output, /Authorization Violation/)
    assert.doesNotMatch(output, /not this one/)
  })

  it('commands reach servers by an address with a login in it, or beside it, and say none of it', async () => {
    const { nats, redis } = await passwords()
    const { clickHousePassword } = await kept()
    const at = (scheme: string, port: number, login = '') => `${scheme}://${login}127.0.0.1:${port}`
    const { NATS_PORT, REDIS_PORT, CLICKHOUSE_PORT } = environment
    const inAddresses = {
      DATA_DIR: join(folder, 'elsewhere'),
      NATS_URL: at('nats', NATS_PORT, `operator:${nats.operator}@`),
      REDIS_URL: at('redis', REDIS_PORT, `operator:${redis.operator}@`),
      CLICKHOUSE_URL: at('http', CLICKHOUSE_PORT, `default:${clickHousePassword}@`),
    }
    const beside = {
      DATA_DIR: join(folder, 'elsewhere'),
      NATS_URL: at('nats', NATS_PORT),
      NATS_USER: 'operator',
      NATS_PASSWORD: nats.operator,
      REDIS_URL: at('redis', REDIS_PORT),
      REDIS_OPERATOR_PASSWORD: redis.operator,
      CLICKHOUSE_URL: at('http', CLICKHOUSE_PORT),
      CLICKHOUSE_PASSWORD: clickHousePassword,
    }
    for (const variables of [inAddresses, beside]) {
      const { status, output } = await command(['reconcile'], variables)
      assert.equal(status, 0, output)
    }
    const wrong = { ...inAddresses, NATS_URL: at('nats', NATS_PORT, 'operator:a-wrong-one@') }
    const { status, output } = await command(['reconcile'], wrong)
    assert.equal(status, 2)
    assert.match(output, /Authorization Violation/)
    assert.ok(!output.includes('a-wrong-one'))
  })

  it('a folder from before there were passwords is found by the next start, with all that is in it', async () => {
    const old = await passwords()
    await stop()
    const { DATA_DIR } = environment
    for (const name of ['store-passwords.json', 'nats/nats-server.conf', 'redis/users.acl']) {
      rmSync(join(DATA_DIR, name))
    }
    rmSync(join(DATA_DIR, 'clickhouse/http-access'), { recursive: true })
    await start()
    assert.equal(await votesShown(), VOTERS - 1)
    await assert.rejects(vote(voters[0] ?? assert.fail()), /409/)
    assert.match(await succeeds('reconcile'), /The books agree/)
    const logger = createLogger('test', 'silent')
    const url = `nats://127.0.0.1:${environment.NATS_PORT}`
    const login = { user: 'ingest', password: old.nats.ingest }
    await assert.rejects(connectNats({ url, ...login, name: 'test', logger }), /Authorization/)
    assert.notDeepEqual(await passwords(), old)
  })

  const children = () => readProcessRecord(environment.DATA_DIR)?.children ?? assert.fail('nothing runs')
  const logs = (): [name: string, text: string][] => {
    const place = join(environment.DATA_DIR, 'logs')
    return readdirSync(place).map((name) => [name, readFileSync(join(place, name), 'utf8')])
  }
})
