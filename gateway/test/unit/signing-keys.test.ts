import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createLogger } from '@votestream/infra/logging'
import type { SecurityEvents } from '../../src/security-events.js'
import { followSigningKeys, readSigningKeys } from '../../src/signing-keys.js'
import { keyId, type TokenSecrets } from '../../src/tokens.js'

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await pause(2)
}

describe('the file of keys', () => {
  const folder = mkdtempSync(join(tmpdir(), 'votestream-keys-'))
  const file = join(folder, 'secrets.json')
  let written = 0
  const write = (content: string) => {
    writeFileSync(file, content)
    written += 1
    // Two writes within one tick of the disk's clock are two versions all the same.
    utimesSync(file, written, written)
  }
  const logger = createLogger('test', 'silent')
  let stop: () => void = () => undefined
  const noted: [string, string | undefined][] = []
  const security: SecurityEvents = { note: (event, details) => noted.push([event, details?.().key]) }
  beforeEach(() => void noted.splice(0))
  afterEach(() => stop())
  after(() => rmSync(folder, { recursive: true }))

  const follow = async (signAfterMs: number): Promise<TokenSecrets[]> => {
    write(JSON.stringify({ jwtSecret: 'old' }))
    const seen: TokenSecrets[] = []
    const from = await readSigningKeys(file)
    assert.deepEqual(from, { secret: 'old', otherSecret: undefined })
    const onChange = (secrets: TokenSecrets) => void seen.push(secrets)
    stop = followSigningKeys(from, { file, logger, security, onChange, lookEveryMs: 5, signAfterMs })
    return seen
  }

  it('lets a new secret verify at once, and sign a while later', async () => {
    const seen = await follow(50)
    write(JSON.stringify({ jwtSecret: 'new', otherJwtSecret: 'old' }))
    await until(() => seen.length === 1)
    assert.deepEqual(seen[0], { secret: 'old', otherSecret: 'new' })
    await until(() => seen.length === 2)
    assert.deepEqual(seen[1], { secret: 'new', otherSecret: 'old' })
  })

  it('ends a secret at once, though another was to sign later', async () => {
    const seen = await follow(60_000)
    write(JSON.stringify({ jwtSecret: 'new', otherJwtSecret: 'old' }))
    await until(() => seen.length === 1)
    write(JSON.stringify({ jwtSecret: 'new' }))
    await until(() => seen.length === 2)
    assert.deepEqual(seen[1], { secret: 'new', otherSecret: undefined })
  })

  it('tells of each key that is exchanged, and of each that is ended, by its id', async () => {
    const seen = await follow(1)
    write(JSON.stringify({ jwtSecret: 'new', otherJwtSecret: 'old' }))
    await until(() => seen.length === 2)
    assert.deepEqual(noted.splice(0), [['key-rotated', keyId('new')]])
    write(JSON.stringify({ jwtSecret: 'new' }))
    await until(() => seen.length === 3)
    assert.deepEqual(noted.splice(0), [['key-retired', keyId('old')]])
    write(JSON.stringify({ jwtSecret: 'newest' }))
    await until(() => seen.length === 4)
    assert.deepEqual(noted, [
      ['key-rotated', keyId('newest')],
      ['key-retired', keyId('new')],
    ])
  })

  it('changes nothing while it cannot be read', async () => {
    const seen = await follow(1)
    write('{')
    await pause(30)
    assert.deepEqual(seen, [])
    write(JSON.stringify({ jwtSecret: 'new' }))
    await until(() => seen.length === 1)
  })
})
