import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTokens } from '@votestream/gateway/tokens'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { openBuckets } from '@votestream/infra/streams'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { variablesForTests } from '../../src/environment.js'

const run = promisify(execFile)
const JWT_SECRET = 'j'.repeat(32)
const ID_SECRET = 'i'.repeat(32)
const tokens = createTokens({ secret: JWT_SECRET, ids: createOpaqueIds(ID_SECRET), ttlSeconds: 60 })

describe('npm run token against a broker', () => {
  let servers: TestServers
  let nats: Nats
  before(async () => {
    servers = await startServersForTest(['nats'])
    nats = await connectNats({
      url: servers.get('nats').url,
      name: 'token-test',
      logger: createLogger('token-test', 'silent'),
    })
    await openBuckets(nats, 1)
  })
  after(async () => {
    await nats.close()
    await servers.stop()
  })

  const token = (args: string[], variables: NodeJS.ProcessEnv = { JWT_SECRET, ID_SECRET }) =>
    run(process.execPath, [join(repositoryRoot(), 'scripts/dist/src/token.js'), ...args], {
      env: {
        ...variablesForTests(),
        DATA_DIR: servers.folder,
        NATS_URL: servers.get('nats').url,
        ...variables,
      },
    })

  it('prints an application token and nothing else', async () => {
    const { stdout } = await token(['--scope', 'accounts:register'])
    assert.match(stdout, /^\S+\n$/)
    const caller = tokens.verify(stdout.trim())
    assert.equal(caller.voter, undefined)
    assert.deepEqual([...caller.scopes], ['accounts:register'])
  })

  it('makes as many voters as were asked for, each with a number of its own', async () => {
    const { stdout } = await token(['--voters', '1000'])
    const callers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ user_id: userId, token: text }) => ({ userId, caller: tokens.verify(text) }))
    assert.equal(new Set(callers.map(({ caller }) => caller.voter)).size, 1_000)
    assert.ok(callers.every(({ userId, caller }) => userId === caller.userId && caller.scopes.has('votes')))
    assert.equal((await nats.jsm.streams.info('KV_accounts')).state.messages, 1_000)
  })

  it('says what is missing, and exits with 1', async () => {
    const failure = async (promise: Promise<unknown>) =>
      promise.then(
        () => assert.fail('it should have failed'),
        (error: { code: number; stderr: string; stdout: string }) => error,
      )
    const without = await failure(token(['--scope', 'votes'], {}))
    assert.equal(without.code, 1)
    assert.match(without.stderr, /start Votestream once first/)
    const unknown = await failure(token(['--scope', 'root']))
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /no such scope/)
    assert.equal(unknown.stdout, '')
  })
})
