import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  diagnosticsToken,
  diagnosticsTokenFile,
  ensureDiagnosticsToken,
} from '../../../src/diagnostics/token.js'
import { type Environment, parseEnvironment } from '../../../src/environment.js'

describe('the token for diagnostics', () => {
  let folder: string
  let environment: Environment
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'votestream-token-'))
    environment = parseEnvironment({ DATA_DIR: folder }, '/')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is made once, and is for its owner alone', async () => {
    assert.equal(await diagnosticsToken(environment), undefined)
    const made = await ensureDiagnosticsToken(environment)
    assert.ok(made !== undefined && made.length >= 32)
    assert.equal(await ensureDiagnosticsToken(environment), made)
    assert.equal(await diagnosticsToken(environment), made)
    assert.equal(statSync(diagnosticsTokenFile(folder)).mode & 0o777, 0o600)
  })

  it('of the environment goes before it, and in production none is made', async () => {
    await ensureDiagnosticsToken(environment)
    const given = parseEnvironment({ DATA_DIR: folder, DIAGNOSTICS_TOKEN: 'given' }, '/')
    assert.equal(await ensureDiagnosticsToken(given), 'given')
    const secrets = { JWT_SECRET: 'j'.repeat(32), ID_SECRET: 'i'.repeat(32) }
    const empty = join(folder, 'empty')
    const production = parseEnvironment({ DATA_DIR: empty, NODE_ENV: 'production', ...secrets }, '/')
    assert.equal(await ensureDiagnosticsToken(production), undefined)
  })

  it('that cannot be read is told by its file', async () => {
    writeFileSync(diagnosticsTokenFile(folder), '{"token":"short"}')
    await assert.rejects(ensureDiagnosticsToken(environment), /diagnostics-token\.json cannot be read/)
  })
})
