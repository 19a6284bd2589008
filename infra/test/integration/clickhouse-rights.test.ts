import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { migrationsFolder } from '@votestream/schema/clickhouse-schema'
import {
  ANALYST_LIMITS,
  ARCHIVE_TABLES,
  CLICKHOUSE_ROLES,
  SYSTEM_TABLES_READ,
  serverUsers,
} from '../../src/access/clickhouse-rights.js'
import { type ClickHouseClient, connectClickhouse } from '../../src/clickhouse.js'
import { applyMigrations, readMigrations } from '../../src/migrations.js'
import { startClickHouseServer } from '../../src/servers/clickhouse-server.js'
import { freePort } from '../../src/servers/free-port.js'
import type { ServerProcess } from '../../src/servers/server-process.js'

type User = 'owner' | 'analyst' | 'gateway' | 'processor'

/** Refused by this server, by the engine's grants, or because there is no such thing to say. */
const REFUSALS = [48, 62, 164, 358, 497]

describe("what each service's user, and the analyst, may do in ClickHouse", function () {
  this.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 'votestream-rights-'))
  let server: ServerProcess & { url: string }
  let owner: ClickHouseClient
  /** Whoever was asked something by the engine. */
  let outside: Server
  let asked = 0

  before(async () => {
    outside = createServer((_, response) => {
      asked += 1
      response.end('1\n')
    }).listen(0, '127.0.0.1')
    server = await startClickHouseServer({
      port: await freePort(),
      dataDir: join(folder, 'data'),
      username: 'owner',
      password: 'pw-owner',
      analystPassword: 'pw-analyst',
      servicePasswords: { gateway: 'pw-gateway', processor: 'pw-processor' },
    })
    owner = connectClickhouse({ url: server.url, user: 'owner', password: 'pw-owner' })
    await applyMigrations({
      clickhouse: owner,
      migrations: await readMigrations(migrationsFolder),
      say: () => undefined,
    })
    writeFileSync(join(folder, 'secret'), 'a secret of this machine')
  })
  after(async () => {
    await owner?.close()
    await server?.stop()
    outside?.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const ask = async (user: User, query: string, parameters = ''): Promise<{ code: number; text: string }> => {
    const response = await fetch(`${server.url}/?${parameters}`, {
      method: 'POST',
      body: query,
      headers: { 'x-clickhouse-user': user, 'x-clickhouse-key': `pw-${user}` },
    })
    const text = (await response.text()).trimEnd()
    return { code: Number(response.headers.get('x-clickhouse-exception-code') ?? 0), text }
  }
  const refused = async (user: User, query: string, parameters = ''): Promise<void> => {
    const { code, text } = await ask(user, query, parameters)
    assert.ok(REFUSALS.includes(code), `${user}: ${query} ${parameters} -> ${code} ${text.slice(0, 200)}`)
  }
  const answered = async (user: User, query: string, parameters = ''): Promise<string> => {
    const { code, text } = await ask(user, query, parameters)
    assert.equal(code, 0, `${user}: ${query} -> ${text.slice(0, 300)}`)
    return text
  }

  const SECRET = `'${join(folder, 'secret')}'`
  const CHANGES = [
    'INSERT INTO votes_log (shard) VALUES (1)',
    'INSERT INTO votes_log SELECT * FROM votes_log',
    `INSERT INTO FUNCTION file('${join(folder, 'written')}', 'CSV', 'a UInt8') VALUES (1)`,
    ...[
      'CREATE TABLE mine (a UInt8) ENGINE = Memory',
      'CREATE TEMPORARY TABLE mine (a UInt8)',
      'CREATE DATABASE mine',
    ],
    ...[
      'CREATE VIEW mine AS SELECT 1',
      'CREATE FUNCTION mine AS (x) -> x',
      'CREATE USER mine',
      'CREATE ROLE mine',
    ],
    "CREATE NAMED COLLECTION mine AS a = '1'",
    "CREATE DICTIONARY mine (a UInt64) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
    ...[
      'DROP TABLE votes_log',
      'DROP VIEW votes',
      'TRUNCATE TABLE votes_log',
      'RENAME TABLE votes_log TO mine',
    ],
    ...[
      'ALTER TABLE votes_log DELETE WHERE 1',
      'ALTER TABLE votes_log ADD COLUMN mine UInt8',
      'DELETE FROM votes_log WHERE 1',
    ],
    ...[
      'OPTIMIZE TABLE votes_log FINAL',
      'DETACH TABLE votes_log',
      "ATTACH TABLE mine FROM '/tmp' (a UInt8) ENGINE = Log",
    ],
    ...[
      'SYSTEM SHUTDOWN',
      'SYSTEM STOP MERGES',
      'SYSTEM FLUSH LOGS',
      'KILL QUERY WHERE 1',
      `BACKUP TABLE votes_log TO Disk('x', 'y')`,
    ],
    ...['GRANT ALL ON *.* TO default', 'SET ROLE owner', 'SET ROLE ALL', 'SET DEFAULT ROLE owner TO default'],
    ...[
      'EXECUTE AS default SELECT 1',
      'SET readonly = 0',
      'SET max_memory_usage = 0',
      'USE system',
      'SELECT 1; DROP TABLE votes_log',
    ],
  ]
  const OUTSIDE = (url: string) => [
    ...[
      `SELECT * FROM file(${SECRET}, 'LineAsString')`,
      `SELECT file(${SECRET})`,
      `SELECT arrayMap(file, [${SECRET}])`,
    ],
    ...[
      `SELECT * FROM \`file\`(${SECRET})`,
      `DESCRIBE file(${SECRET})`,
      `SELECT * FROM "fi\\x6ce"(${SECRET})`,
    ],
    ...[
      `SELECT * FROM url('${url}', 'LineAsString')`,
      `DESCRIBE url('${url}')`,
      `SELECT * FROM s3('${url}/a/b', 'CSV')`,
    ],
    ...[
      `SELECT * FROM remote('${url.slice(7)}', system.one)`,
      "SELECT * FROM cluster('default', system.one)",
    ],
    ...[
      "SELECT * FROM executable('id', 'TSV', 'a String')",
      "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    ],
    ...["SELECT * FROM python('a')", "SELECT * FROM dictionary('a')", "SELECT * FROM eval('SELECT 1')"],
    `SELECT 1 INTO OUTFILE '${join(folder, 'written')}'`,
    `SELECT 1 FROM votes_log INTO\n/* */ OUTFILE '${join(folder, 'written')}' TRUNCATE FORMAT CSV`,
  ]
  const INSIDE = [
    ...[
      'SELECT query FROM system.processes',
      'SELECT * FROM `system`.`processes`',
      'SELECT * FROM "system" . "processes"',
    ],
    ...[
      'SELECT * FROM SYSTEM./* */processes',
      'SELECT * FROM system.query_log',
      'SELECT * FROM system.named_collections',
    ],
    ...[
      'SELECT * FROM system.server_settings',
      'SELECT * FROM system.users',
      'SELECT * FROM system.stack_trace',
    ],
    ...[
      "SELECT * FROM merge('system', 'proc')",
      "SELECT * FROM loop('system', 'processes')",
      'SHOW PROCESSLIST',
    ],
    ...['SELECT 1 IN (SELECT 1 FROM system.processes)', 'DESCRIBE system.processes', 'SHOW USERS'],
  ]
  const url = () => `http://127.0.0.1:${(outside.address() as AddressInfo).port}`

  for (const user of ['analyst', 'gateway'] as const) {
    it(`${user} reads the archive`, async () => {
      assert.equal(await answered(user, 'SELECT count() FROM votes'), '0')
      for (const view of [
        'rejected_votes',
        'superseded_votes',
        'votes_per_minute',
        'canary_votes',
        'events',
        'contestants',
      ]) {
        assert.equal(await answered(user, `SELECT count() FROM ${view}`), '0')
      }
      assert.match(await answered(user, 'SHOW TABLES'), /^votes_log$/m)
      assert.match(await answered(user, 'DESCRIBE votes'), /^voter\t/m)
      assert.match(
        await answered(user, "SELECT name FROM system.tables WHERE database = 'default'"),
        /^votes$/m,
      )
      assert.equal(await answered(user, "SELECT 'system.processes', 'file(1)'"), 'system.processes\tfile(1)')
    })

    it(`${user} changes nothing`, async () => {
      for (const query of CHANGES) await refused(user, query)
      for (const parameters of ['readonly=0', 'allow_ddl=1', 'readonly=0&allow_introspection_functions=1']) {
        await refused(user, 'CREATE TABLE mine (a UInt8) ENGINE = Memory', parameters)
      }
      await refused(user, 'SELECT 1 SETTINGS readonly = 0')
      await refused(user, 'SELECT 1 SETTINGS max_memory_usage = 7')
      assert.equal(await answered('owner', 'SELECT count() FROM votes_log'), '0')
      assert.ok(!(await answered('owner', 'SHOW TABLES')).includes('mine'))
    })

    it(`${user} reaches nothing outside of ClickHouse: no file, no address, no program`, async () => {
      for (const query of OUTSIDE(url())) await refused(user, query)
      assert.equal(asked, 0)
      assert.deepEqual(readdirSync(folder).sort(), ['data', 'secret'])
    })

    it(`${user} sees nothing of other people's queries and of the server's insides`, async () => {
      for (const query of INSIDE) await refused(user, query)
      await refused(user, 'SELECT * FROM processes', 'database=system')
      await refused(user, 'SELECT * FROM processes', 'database=SYSTEM')
      for (const table of SYSTEM_TABLES_READ.filter((name) => !/^(numbers|zeros)/.test(name))) {
        await answered(user, `SELECT count() FROM system.${table}`)
      }
    })
  }

  it("an analyst's query has limits that can be made narrower alone", async () => {
    for (const [name, most] of Object.entries(ANALYST_LIMITS)) {
      const set = (parameters: string) => answered('analyst', `SELECT getSetting('${name}')`, parameters)
      assert.equal(await set(''), String(most))
      for (const value of ['0', String(most * 2), '-1', 'x'])
        assert.equal(await set(`${name}=${value}`), String(most))
      assert.equal(await set(`${name}=${most - 1}`), String(most - 1))
    }
    assert.equal(
      (await ask('analyst', 'SELECT sum(number) FROM numbers(1e15)', 'max_execution_time=1')).code,
      159,
    )
    // What is larger than allowed is not even kept.
    assert.equal(
      (await ask('analyst', 'SELECT number FROM numbers(1e7)', 'max_result_bytes=1000000')).code,
      396,
    )
  })

  it('processor writes the archive, and changes nothing else', async () => {
    for (const table of ARCHIVE_TABLES)
      await answered('processor', `INSERT INTO ${table} SELECT * FROM ${table}`)
    await answered('processor', 'ALTER TABLE window_tallies DELETE WHERE 0 SETTINGS mutations_sync = 2')
    for (const query of CHANGES.filter((each) => !/^INSERT INTO votes_log/.test(each)))
      await refused('processor', query)
    for (const query of [...OUTSIDE(url()), ...INSIDE]) await refused('processor', query)
    await refused('processor', 'INSERT INTO schema_migrations SELECT * FROM schema_migrations')
    await refused('processor', 'ALTER TABLE window_tallies ADD COLUMN mine UInt8')
    await refused('processor', 'ALTER TABLE votes_log DELETE WHERE 1')
    assert.equal(asked, 0)
  })

  it("the file for a server of one's own means the same to the engine", async () => {
    const users = join(folder, 'users.xml')
    const configuration = join(folder, 'config.xml')
    // What a server has of its own: a first user, a profile, a quota.
    const own =
      '<no_password/><profile>default</profile><quota>default</quota><access_management>1</access_management>'
    writeFileSync(
      users,
      serverUsers()
        .replace('<profiles>', '<quotas><default/></quotas><profiles><default/>')
        .replace('<users>', `<users><default>${own}<networks><ip>::/0</ip></networks></default>`),
    )
    writeFileSync(configuration, `<clickhouse><users_config>${users}</users_config></clickhouse>`)
    const program = `const { Session } = await import('chdb')
      const session = new Session(${JSON.stringify(join(folder, 'own'))},
        { connectionArgs: ['--config-file=' + ${JSON.stringify(configuration)}] })
      const ask = async (query) => (await session.queryAsync(query, { format: 'TSVRaw' })).text()
      for (const user of ['gateway', 'processor', 'analyst']) console.log(await ask('SHOW GRANTS FOR ' + user))
      console.log(await ask('SHOW CREATE SETTINGS PROFILE votestream_analyst'))
      process.exit(0)`
    const digests = Object.fromEntries(
      CLICKHOUSE_ROLES.map((role) => [`CLICKHOUSE_${role.toUpperCase()}_PASSWORD_SHA256`, 'a'.repeat(64)]),
    )
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
      env: { ...process.env, ...digests },
    })
    for (const role of CLICKHOUSE_ROLES) assert.ok(stdout.includes(`GRANT ${role} TO ${role}`), stdout)
    assert.match(stdout, /readonly = 2, max_execution_time = 60\. MIN 1\. MAX 60\./)
  })

  it('nobody comes in without a password, or with a wrong one', async () => {
    for (const headers of [
      {},
      { 'x-clickhouse-user': 'analyst' },
      { 'x-clickhouse-user': 'analyst', 'x-clickhouse-key': 'no' },
    ]) {
      const response = await fetch(`${server.url}/?query=SELECT+1`, {
        headers: headers as Record<string, string>,
      })
      assert.ok([401, 403].includes(response.status))
    }
    for (const file of readdirSync(join(folder, 'data', 'http-access'))) {
      assert.doesNotMatch(readFileSync(join(folder, 'data', 'http-access', file), 'utf8'), /pw-/)
    }
  })
})
