import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type DeadLetter, openDeadLetters } from '@votestream/infra/dead-letters'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { shardNumber } from '@votestream/schema/numbers'
import { variablesForTests } from '../../src/environment.js'

const STORED_AT_MS = Date.UTC(2026, 5, 1, 20, 15, 3, 7)

const letterOf = (shard: number, sequence: number, ...reasons: string[]): DeadLetter => ({
  shard: shardNumber(shard),
  generation: '2026-06-01T00:00:00Z',
  sequence,
  storedAtMs: STORED_AT_MS,
  reasons,
  data: Uint8Array.of(0, 255),
})

describe('npm run dead', function () {
  this.timeout(60_000)
  let servers: TestServers
  let nats: Nats

  const dead = (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const env = { ...variablesForTests(), NATS_URL: servers.get('nats').url, DATA_DIR: servers.folder }
      const file = fileURLToPath(new URL('../../src/dead.js', import.meta.url))
      execFile(process.execPath, [file, ...args], { env }, (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr })
      })
    })

  before(async () => {
    servers = await startServersForTest(['nats'])
    const logger = createLogger('dead-test', 'silent')
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
  })
  after(async () => {
    await nats?.close()
    await servers?.stop()
  })

  it('says that nothing is dead, also in a system where nothing ever was', async () => {
    assert.deepEqual(await dead('list'), { status: 0, stdout: 'Nothing in the log is dead.\n', stderr: '' })
    assert.equal((await nats.jsm.streams.list().next()).length, 0)
    assert.deepEqual(await dead('list', '--json'), { status: 0, stdout: '', stderr: '' })
  })

  describe('where something is', () => {
    before(async () => {
      const letters = await openDeadLetters(nats, 1)
      await letters.put(letterOf(1, 42, 'vote 0: voter 0', 'vote 3: contestant 501'))
      await letters.put(letterOf(0, 7, 'not a message of the log: \u001b[2Jindex out of range'))
    })

    it('lists each message with its shard, sequence, time and reasons, oldest first', async () => {
      const { status, stdout } = await dead('list')
      assert.equal(status, 0)
      assert.deepEqual(stdout.trimEnd().split('\n'), [
        'shard  message  stored at                 reasons',
        '1      42       2026-06-01T20:15:03.007Z  vote 0: voter 0; vote 3: contestant 501',
        '0      7        2026-06-01T20:15:03.007Z  not a message of the log:  [2Jindex out of range',
        '',
        '2 messages of the log with something dead.',
      ])
    })

    it('of one shard, and for a program: a line of JSON each, with the bytes', async () => {
      const { status, stdout } = await dead('list', '--json', '--shard', '1')
      assert.equal(status, 0)
      assert.deepEqual(JSON.parse(stdout), {
        shard: 1,
        generation: '2026-06-01T00:00:00Z',
        sequence: 42,
        reasons: ['vote 0: voter 0', 'vote 3: contestant 501'],
        storedAt: '2026-06-01T20:15:03.007Z',
        data: 'AP8=',
      })
    })
  })

  describe('where it cannot be done', () => {
    it('ends with 2 and a sentence for what it cannot do', async () => {
      for (const [args, sentence] of [
        [[], /usage:\n {2}npm run dead -- list/],
        [['burn'], /usage:/],
        [['list', '--wait', 'long'], /--wait takes a number/],
        [['list', '--loud'], /Unknown option '--loud'/],
        [['list', '--shard', 'x'], /a shard must be a whole number/],
      ] as const) {
        const { status, stdout, stderr } = await dead(...args)
        assert.deepEqual([status, stdout], [2, ''])
        assert.match(stderr, sentence)
        assert.doesNotMatch(stderr, /\n\s+at /)
      }
    })

    it('ends with 2 and a sentence when the broker does not answer', async () => {
      await servers.kill('nats')
      assert.deepEqual(await dead('list', '--wait', '1'), {
        status: 2,
        stdout: '',
        stderr: 'NATS does not answer\n',
      })
    })
  })
})
