import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnvironment } from '../../src/environment.js'
import { clickhouseLogin, storeLogin } from '../../src/store-logins.js'
import { ensureStorePasswords, readStorePasswords, storePasswordsFile } from '../../src/store-passwords.js'

describe('the passwords of NATS, Redis and ClickHouse', () => {
  let dataDir: string

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'votestream-passwords-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  it('are made once, each its own, for their owner alone', async () => {
    assert.equal(await readStorePasswords(dataDir), undefined)
    const made = await ensureStorePasswords(dataDir)
    assert.deepEqual(await ensureStorePasswords(dataDir), made)
    assert.deepEqual(await readStorePasswords(dataDir), made)
    const all = Object.values(made).flatMap((store) => Object.values(store) as string[])
    assert.equal(all.length, 10)
    assert.equal(new Set(all).size, 10)
    assert.equal(statSync(storePasswordsFile(dataDir)).mode & 0o777, 0o600)
  })

  it('that are missing are made beside those that are there', async () => {
    const made = await ensureStorePasswords(dataDir)
    const { operator: _, ...nats } = made.nats
    writeFileSync(
      storePasswordsFile(dataDir),
      JSON.stringify({ nats, redis: made.redis, later: { x: 'a password' } }),
    )
    const again = await ensureStorePasswords(dataDir)
    assert.deepEqual({ ...again.nats, operator: made.nats.operator }, made.nats)
    assert.deepEqual(again.redis, made.redis)
    assert.notEqual(again.nats.operator, made.nats.operator)
    assert.deepEqual(await readStorePasswords(dataDir), again)
  })

  it('in a file that cannot be read are told of, not written over', async () => {
    writeFileSync(storePasswordsFile(dataDir), '{')
    await assert.rejects(ensureStorePasswords(dataDir), /store-passwords\.json cannot be read; remove it/)
  })

  it('are for servers that were started here; others are logged in to as the environment says', async () => {
    const made = await ensureStorePasswords(dataDir)
    const own = parseEnvironment({ NATS_USER: 'ignored', NATS_PASSWORD: 'ignored' }, '/')
    assert.deepEqual(storeLogin('nats', 'ingest', own, made), { user: 'ingest', password: made.nats.ingest })
    const shared = parseEnvironment({ NATS_URL: 'nats://a', NATS_USER: 'all', NATS_PASSWORD: 'x' }, '/')
    assert.deepEqual(storeLogin('nats', 'ingest', shared, made), { user: 'all', password: 'x' })
    const named = parseEnvironment({ REDIS_URL: 'redis://a', REDIS_INGEST_PASSWORD: 'y' }, '/')
    assert.deepEqual(storeLogin('redis', 'ingest', named, made), { user: 'ingest', password: 'y' })
    assert.deepEqual(storeLogin('redis', 'gateway', named, made), {})
    const elsewhere = parseEnvironment(
      { CLICKHOUSE_URL: 'http://a', CLICKHOUSE_USER: 'o', CLICKHOUSE_GATEWAY_PASSWORD: 'z' },
      '/',
    )
    const known = { made, ownerPassword: 'p' }
    assert.deepEqual(clickhouseLogin('gateway', elsewhere, known), { user: 'gateway', password: 'z' })
    assert.deepEqual(clickhouseLogin('processor', elsewhere, known), { user: 'o', password: 'p' })
    assert.deepEqual(clickhouseLogin('operator', own, known), { user: 'default', password: 'p' })
  })
})
