import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkIdSecret, ensureSecrets, readSecrets, secretsFile, writeSecrets } from '../../src/secrets.js'

describe('the secrets of a data folder', () => {
  let dataDir: string

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'votestream-secrets-'))
  })

  afterEach(() => rmSync(dataDir, { recursive: true }))

  it('are made once and then stay the same', async () => {
    assert.equal(await readSecrets(dataDir), undefined)
    const made = await ensureSecrets(dataDir)
    assert.deepEqual(await ensureSecrets(dataDir), made)
    assert.deepEqual(await readSecrets(dataDir), made)
  })

  it('differ between folders, and from each other', async () => {
    const one = await ensureSecrets(dataDir)
    const other = await ensureSecrets(join(dataDir, 'other'))
    assert.notEqual(one.jwtSecret, other.jwtSecret)
    assert.notEqual(one.jwtSecret, one.idSecret)
    assert.ok(Buffer.from(one.idSecret, 'base64url').length >= 32)
  })

  it('are for their owner alone, also when an earlier crash left a readable piece behind', async () => {
    writeFileSync(`${secretsFile(dataDir)}.${process.pid}.new`, 'half', { mode: 0o644 })
    await ensureSecrets(dataDir)
    assert.equal(statSync(secretsFile(dataDir)).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(dataDir), ['secrets.json'])
  })

  it('are never silently made anew over a file that cannot be read', async () => {
    const made = await ensureSecrets(dataDir)
    writeFileSync(secretsFile(dataDir), JSON.stringify({ ...made, idSecret: '' }))
    await assert.rejects(ensureSecrets(dataDir), /restore it/)
  })

  it('the id secret never changes unnoticed, wherever it comes from', async () => {
    const made = await ensureSecrets(dataDir)
    checkIdSecret(made, made.idSecret)
    assert.throws(() => checkIdSecret(made, 'another one'), /ID_SECRET/)
    const other = await ensureSecrets(join(dataDir, 'other'), { idSecret: 'from the environment' })
    checkIdSecret(other, 'from the environment')
    assert.throws(() => checkIdSecret(other, other.idSecret), /ID_SECRET/)
  })

  it('the note that the login was shown changes nothing else', async () => {
    const made = await ensureSecrets(dataDir)
    await writeSecrets(dataDir, { ...made, adminLoginShown: true })
    assert.deepEqual(await readSecrets(dataDir), { ...made, adminLoginShown: true })
  })
})
