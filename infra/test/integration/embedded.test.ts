import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { freePort } from '../../src/servers/free-port.js'

const main = fileURLToPath(new URL('../../embedded/main.js', import.meta.url))

interface Server {
  child: ChildProcess
  url: string
}

async function start(folder: string): Promise<Server> {
  const port = await freePort()
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: '8',
      CLICKHOUSE_PORT: String(port),
      CLICKHOUSE_DATA_DIR: folder,
      CLICKHOUSE_ANALYST_PASSWORD: 'reads',
    },
  })
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 200 && child.exitCode === null; tries++) {
    const ok = await fetch(`${url}/ping`).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) return { child, url }
    await new Promise((later) => setTimeout(later, 50))
  }
  return assert.fail('the server did not start')
}

async function end(server: Server, signal: NodeJS.Signals): Promise<number | null> {
  if (server.child.exitCode !== null || server.child.signalCode !== null) return server.child.exitCode
  server.child.kill(signal)
  await once(server.child, 'exit')
  return server.child.exitCode
}

describe('embedded ClickHouse', () => {
  const folder = mkdtempSync(join(tmpdir(), 'votestream-embedded-'))
  let server: Server
  let client: ClickHouseClient
  const post = (body: string, path = '/', headers: Record<string, string> = {}) =>
    fetch(server.url + path, { method: 'POST', body, headers })
  const basic = (user: string, password: string) => ({
    Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  })
  const text = async (query: string, path?: string) => (await post(query, path)).text()

  before(async () => {
    server = await start(folder)
    client = createClient({
      url: server.url,
      compression: { request: true, response: true },
      log: { level: ClickHouseLogLevel.OFF },
    })
  })
  after(async () => {
    await client.close()
    await end(server, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  it('serves @clickhouse/client: ping, command, inserts of arrays and streams, parameters, settings', async () => {
    assert.equal((await client.ping()).success, true)
    await client.command({
      query: 'CREATE TABLE people (id UInt64, name String) ENGINE = MergeTree ORDER BY id',
    })
    const summary = await client.insert({
      table: 'people',
      values: [{ id: 1, name: "O'Hara\n\nDROP TABLE people" }],
      format: 'JSONEachRow',
    })
    assert.equal(summary.summary?.written_rows, '1')
    await client.insert({
      table: 'people',
      values: Readable.from([[2, 'two']]),
      format: 'JSONCompactEachRow',
    })
    const answer = await client.query({
      query: 'SELECT id, name FROM people WHERE name = {name:String}',
      query_params: { name: "O'Hara\n\nDROP TABLE people" },
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    })
    const json = await answer.json<{ id: string }>()
    assert.deepEqual(
      json.data.map((row) => row.id),
      ['1'],
    )
    const rows: unknown[] = []
    const stream = await client.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSONEachRow' })
    for await (const chunk of stream.stream()) rows.push(...chunk)
    assert.equal(rows.length, 200_000)
    await assert.rejects(client.query({ query: 'SELECT * FROM nowhere' }), {
      code: '60',
      type: 'UNKNOWN_TABLE',
    })
  })

  it('writes one insert of 50,000 rows as one part, in every format', async () => {
    const indexes = Array.from({ length: 50_000 }, (_, index) => index)
    const binary = Buffer.alloc(indexes.length * 10)
    for (const index of indexes) {
      binary.writeBigUInt64LE(BigInt(index), index * 10)
      binary.write('\x01a', index * 10 + 8, 'latin1')
    }
    const bodies: [string, Buffer][] = [
      ['JSONEachRow', Buffer.from(indexes.map((id) => JSON.stringify({ id, s: 'a' })).join('\n'))],
      ['JSONCompactEachRow', Buffer.from(indexes.map((id) => JSON.stringify([id, 'a'])).join('\n'))],
      ['CSV', Buffer.from(indexes.map((id) => `${id},"a\n\n;b"`).join('\n'))],
      ['RowBinary', binary],
    ]
    for (const [format, body] of bodies) {
      await text(`CREATE TABLE p_${format} (id UInt64, s String) ENGINE = MergeTree ORDER BY id`)
      const response = await fetch(`${server.url}/?query=INSERT INTO p_${format} FORMAT ${format}`, {
        method: 'POST',
        body: gzipSync(body),
        headers: { 'Content-Encoding': 'gzip' },
      })
      assert.equal(response.status, 200, await response.text())
      const parts = `SELECT count(), sum(rows) FROM system.parts WHERE active AND table = 'p_${format}'`
      assert.equal(await text(parts), '1\t50000\n')
    }
  })

  it('answers with the status and the code of ClickHouse', async () => {
    const cases: [string, number, string][] = [
      ['SELEC 1', 400, '62'],
      ['SELECT 1 FROMM x', 400, '62'],
      ['SELECT 1; SELECT 2', 400, '62'],
      ['SELECT * FROM nowhere', 404, '60'],
      ['SELECT nofunction(1)', 404, '46'],
      ['SELECT nocolumn', 404, '47'],
      ["SELECT 1 INTO OUTFILE '/tmp/never'", 500, '358'],
    ]
    for (const [query, status, code] of cases) {
      const response = await post(query)
      assert.deepEqual(
        [response.status, response.headers.get('x-clickhouse-exception-code')],
        [status, code],
        query,
      )
      assert.doesNotMatch(await response.text(), /http-spool/, 'no path of the machine is shown')
    }
    assert.equal((await post('SELECT 1', '/?database=nowhere')).status, 404)
    assert.equal((await fetch(`${server.url}/?query=CREATE TABLE g (a Int8) ENGINE = Memory`)).status, 500)
    assert.equal((await fetch(`${server.url}/nowhere`)).status, 404)
    assert.equal((await post('SELECT 1', '/', basic('default', 'wrong'))).status, 403)
  })

  it('lets no setting, parameter or database of a query reach another', async () => {
    await text('CREATE DATABASE other')
    const probe = "SELECT currentDatabase(), getSetting('max_block_size')"
    const plain = await text(probe)
    const changed = await Promise.all(
      Array.from({ length: 20 }, () => text(probe, '/?database=other&max_block_size=7&param_x=1')),
    )
    assert.deepEqual(new Set(changed), new Set(['other\t7\n']))
    assert.equal(await text(probe), plain)
    assert.equal((await post('SELECT {x:UInt8}')).headers.get('x-clickhouse-exception-code'), '456')
    const values = Array.from({ length: 20 }, (_, value) => value)
    const bound = await Promise.all(values.map((value) => text('SELECT {x:UInt8}', `/?param_x=${value}`)))
    assert.deepEqual(
      bound,
      values.map((value) => `${value}\n`),
    )
  })

  it('lets the analyst read tables and nothing else', async () => {
    const as = basic('analyst', 'reads')
    assert.equal(await (await post('SELECT count() FROM people', '/?max_threads=1', as)).text(), '2\n')
    const refused = [
      "INSERT INTO people VALUES (9, 'x')",
      'DROP TABLE people',
      "SELECT file('/etc/hostname')",
      "SELECT * FROM `file`('/etc/hostname')",
      "DESCRIBE file /* */ ('/etc/hostname')",
      "SELECT arrayMap(file, ['/etc/hostname'])",
      "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
      'KILL QUERY WHERE 1',
      'SET readonly = 0',
    ]
    for (const query of refused) {
      const response = await post(query, '/', as)
      assert.equal(response.headers.get('x-clickhouse-exception-code'), '164', query)
    }
    const template = await post('SELECT 1 FORMAT Template', '/?format_template_resultset=/etc/hostname', as)
    assert.equal(template.headers.get('x-clickhouse-exception-code'), '164')
  })

  it('lets the analyst call no table function of this engine that is not known to stay inside', async () => {
    const inside =
      /^(SQLStandardValues|format|fuzz.*|generate.*|loop|merge.*|null|numbers.*|primes|prometheus.*|timeSeries.*|values|view.*|zeros.*)$/
    const known = await post('SELECT name FROM system.table_functions ORDER BY name')
    const outward = (await known.text()).split('\n').filter((name) => name !== '' && !inside.test(name))
    assert.ok(outward.length > 30)
    for (const name of outward) {
      const response = await post(`SELECT * FROM ${name}('x')`, '/', basic('analyst', 'reads'))
      assert.equal(response.headers.get('x-clickhouse-exception-code'), '164', name)
      assert.match(await response.text(), /cannot execute/, name)
    }
  })

  it('answers a short query while long ones run, and cancels those whose client has gone', async () => {
    const gone = new AbortController()
    const long = Array.from({ length: 3 }, () =>
      fetch(server.url, {
        method: 'POST',
        body: 'SELECT sum(number) FROM numbers(1e13)',
        signal: gone.signal,
      }),
    )
    const ended = Promise.allSettled(long)
    const count =
      "SELECT count() FROM system.processes WHERE query LIKE '%1e13%' AND query NOT LIKE '%processes%'"
    while ((await text(count)) !== '3\n');
    const startedAt = performance.now()
    assert.equal(await text('SELECT 1'), '1\n')
    assert.ok(performance.now() - startedAt < 2_000)
    gone.abort()
    await ended
    while ((await text(count)) !== '0\n');
  })

  it('compresses the answer only when asked, and names its format', async () => {
    const response = await fetch(
      `${server.url}/?query=SELECT 1 AS a&default_format=JSONEachRow&query_id=mine`,
    )
    assert.equal(response.headers.get('x-clickhouse-format'), 'JSONEachRow')
    assert.equal(response.headers.get('x-clickhouse-query-id'), 'mine')
    assert.equal(response.headers.get('content-encoding'), null)
    const packed = await client.exec({ query: 'SELECT 5', decompress_response_stream: false })
    const chunks: Buffer[] = []
    for await (const chunk of packed.stream) chunks.push(Buffer.from(chunk))
    assert.equal(gunzipSync(Buffer.concat(chunks)).toString(), '5\n')
  })

  it('finds every acknowledged insert again after kill -9, and stops with 0 on SIGTERM', async () => {
    await text('CREATE TABLE kept (id UInt64) ENGINE = MergeTree ORDER BY id')
    let acknowledged = 0
    let killed = false
    const writer = (async () => {
      while (!killed) {
        const response = await post(`INSERT INTO kept VALUES (${acknowledged})`).catch(() => undefined)
        if (response?.status === 200) acknowledged++
        if (acknowledged === 25) server.child.kill('SIGKILL')
        if (response === undefined) killed = true
      }
    })()
    await writer
    await end(server, 'SIGKILL')
    server = await start(folder)
    const found = Number(await text('SELECT uniqExact(id) FROM kept'))
    assert.ok(found >= acknowledged, `${found} of ${acknowledged}`)
    assert.equal(await end(server, 'SIGTERM'), 0)
    server = await start(folder)
    assert.equal(Number(await text('SELECT uniqExact(id) FROM kept')), found)
  })

  it('says in one sentence that its port is taken', async () => {
    const other = mkdtempSync(join(tmpdir(), 'votestream-embedded-'))
    const port = new URL(server.url).port
    const child = spawn(process.execPath, [main], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, CLICKHOUSE_PORT: port, CLICKHOUSE_DATA_DIR: other },
    })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    await once(child, 'close')
    rmSync(other, { recursive: true, force: true })
    assert.equal(child.exitCode, 1)
    assert.match(said, new RegExp(`^Port ${port} is taken: set CLICKHOUSE_PORT to a free one\\.\\n$`))
  })
})
