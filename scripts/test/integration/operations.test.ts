import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KV } from '@nats-io/kv'
import { pageOperations } from '@votestream/gateway/page-operations'
import { createStore } from '@votestream/gateway/store'
import { readBucket } from '@votestream/infra/followed-bucket'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { openOperationsBucket } from '@votestream/infra/streams'
import { textHash } from '@votestream/schema/operation-text'
import {
  decodeOperation,
  OPERATION_HASHES_MAX,
  OPERATIONS_MAX,
} from '@votestream/schema/registered-operation'
import { buildSchema, type GraphQLSchema } from 'graphql'
import { variablesForTests } from '../../src/environment.js'
import { createOperationRegistry } from '../../src/operations/operation-registry.js'
import { type DocumentFile, readFiles } from '../../src/operations/registrable.js'
import { runOperations, USAGE } from '../../src/operations/run-operations.js'

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

const ME = 'query Me { me { id } }\n'

describe('npm run operations', function () {
  this.timeout(120_000)
  let servers: TestServers
  let nats: Nats
  let bucket: KV
  let schema: GraphQLSchema
  const files = new Map<string, string>()

  const operations = (args: readonly string[], input = ''): Promise<Ended> =>
    new Promise((resolve) => {
      const env = {
        ...variablesForTests(),
        ...{ NATS_URL: servers.get('nats').url, DATA_DIR: servers.folder },
      }
      const file = fileURLToPath(new URL('../../src/operations.js', import.meta.url))
      const child = execFile(process.execPath, [file, ...args], { env }, (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr })
      })
      child.stdin?.end(input)
    })
  const registry = async () =>
    createOperationRegistry({ bucket, store: createStore(nats), now: () => 1_700_000_000_000 })
  const context = {
    registry,
    schema: async () => schema,
    readFile: async (name: string): Promise<DocumentFile> => ({ name, text: files.get(name) ?? '' }),
    builtIn: pageOperations(),
  }
  const run = (...words: string[]) => runOperations(words, context)
  const refused = (...words: string[]): Promise<string> =>
    run(...words).then(
      (text) => assert.fail(text),
      (error: Error) => error.message,
    )
  const records = async () => {
    const entries = await readBucket(bucket)
    return entries.map(({ key, value }) => decodeOperation(key, value))
  }

  before(async () => {
    servers = await startServersForTest(['nats'])
    const logger = createLogger('operations-test', 'silent')
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
    schema = buildSchema(readFileSync(join(repositoryRoot(), 'schema/schema.graphql'), 'utf8'))
  })
  after(async () => {
    await nats?.close()
    await servers?.stop()
  })

  it('asks for a system that was started once, and needs none to say what it does or what is wrong', async () => {
    const { status, stderr } = await operations(['list'])
    assert.deepEqual([status, stderr], [2, 'Nothing can be registered yet: start Votestream once first.\n'])
    const help = await operations(['--help'])
    assert.deepEqual(help, { status: 0, stdout: `${USAGE}\n`, stderr: '' })
    const wrong = await operations(['register', '-'], '{ nobody }')
    assert.equal(wrong.status, 2)
    assert.match(wrong.stderr, /^standard input:1:3: Cannot query field "nobody" on type "Query"/)
  })

  describe('where there is one', () => {
    before(async () => {
      bucket = await openOperationsBucket(nats, 1)
    })
    beforeEach(async () => {
      for (const { id } of await records()) await bucket.delete(id)
    })

    it('registers what stands in files and in standard input, lists it, and removes it by its first digits', async () => {
      const path = join(servers.folder, 'votes.graphql')
      writeFileSync(
        path,
        'mutation Vote($input: SubmitVoteInput!) { submitVote(input: $input) { ...V } }\nfragment V on Vote { id }',
      )
      const { status, stdout, stderr } = await operations(['register', path, '-'], ME)
      assert.deepEqual([status, stderr], [0, ''])
      const [vote, me] = stdout.trimEnd().split('\n')
      assert.match(vote ?? '', /^registered {2}mutation {2}[0-9a-f]{64} {2}Vote/)
      assert.match(me ?? '', /^registered {5}query {2}[0-9a-f]{64} {2}Me/)
      assert.match((await operations(['register', '-'], ME)).stdout, /^was there {2}query {2}/)
      const listed = JSON.parse((await operations(['list', '--json'])).stdout)
      const own = listed.filter(({ builtIn }: { builtIn?: true }) => !builtIn)
      assert.deepEqual(
        own.map(({ name, hashes }: { name: string; hashes: string[] }) => [name, hashes]),
        [
          ['Me', [textHash(ME)]],
          ['Vote', [textHash(readFileSync(path, 'utf8'))]],
        ],
      )
      assert.equal(listed.length, own.length + context.builtIn.length)
      assert.match(await run('list'), /live page {2}subscription {2}[0-9a-f]{64} {2}PageBoard/)
      const { id } = own[0]
      assert.equal((await operations(['remove', id.slice(0, 8)])).stdout, `${id} was removed.\n`)
      assert.deepEqual(
        (await records()).map(({ name }) => name),
        ['Vote'],
      )
    })

    it('registers nothing where one document is wrong, and names each that is', async () => {
      files.set('good.graphql', ME)
      files.set('bad.graphql', 'query Bad {\n  me { id nobody }\n}')
      files.set('worse.graphql', 'query {')
      const told = await refused('register', 'good.graphql', 'bad.graphql', 'worse.graphql')
      assert.match(
        told,
        /^bad\.graphql:2:11: Cannot query.*\nworse\.graphql:1:8: Syntax Error.*\nNothing was registered\.$/,
      )
      assert.deepEqual(await records(), [])
    })

    it('remembers the hashes of as many texts as it says, the latest', async () => {
      const texts = Array.from({ length: OPERATION_HASHES_MAX + 3 }, (_, at) => `${ME}${'\n'.repeat(at)}`)
      for (const [at, text] of texts.entries()) {
        files.set(`${at}`, text)
        await run('register', `${at}`)
      }
      const [record] = await records()
      assert.deepEqual(record?.hashes, texts.slice(3).map(textHash))
    })

    it('of two at once neither loses its hash', async () => {
      const texts = Array.from({ length: 6 }, (_, at) => `${ME}${' '.repeat(at)}`)
      const each = texts.map(async (text) =>
        (await registry()).register(readFiles(schema, [{ name: 'x', text }]).registrable),
      )
      await Promise.all(each)
      assert.deepEqual([...((await records())[0]?.hashes ?? [])].sort(), texts.map(textHash).sort())
    })

    it('registers as many as there may be, and none of those that would be more', async () => {
      const names = Array.from({ length: OPERATIONS_MAX }, (_, at) => `query Q${at} { me { id } }`)
      files.set('all.graphql', names.join('\n'))
      files.set('more.graphql', 'query More { me { id } }')
      await run('register', 'all.graphql')
      assert.match(
        await refused('register', 'more.graphql'),
        /^1000 operations may be registered: 1000 are registered and 1 would be added$/,
      )
      assert.equal((await records()).length, OPERATIONS_MAX)
      assert.match(await run('register', 'all.graphql'), /^was there/)
    })

    it('ends with a sentence that names what is wrong', async () => {
      files.set('me.graphql', ME)
      await run('register', 'me.graphql')
      const page = context.builtIn[0]?.id ?? ''
      const faulty: [words: string[], sentence: RegExp][] = [
        [[], /^npm run -s operations -- register FILE/],
        [['register'], /^npm run -s operations/],
        [['list', 'all'], /^npm run -s operations/],
        [['burn', 'x'], /^npm run -s operations/],
        [['list', '--wait', 'long'], /^--wait long: must be a number of seconds$/],
        [['remove', 'abc'], /^abc: must be an ID, or its first 8 digits at least$/],
        [['remove', '0'.repeat(64)], /: no such operation is registered$/],
        [['remove', page], /: is an operation of the live page/],
        [['list', '--loud'], /Unknown option '--loud'/],
      ]
      for (const [words, sentence] of faulty) assert.match(await refused(...words), sentence)
      assert.equal((await records()).length, 1)
      const missing = await operations(['register', join(servers.folder, 'nowhere.graphql')])
      assert.equal(missing.status, 2)
      assert.match(missing.stderr, /nowhere\.graphql: cannot be read \(ENOENT\)\n$/)
    })

    it('ends with 2 when the broker does not answer', async () => {
      await servers.kill('nats')
      assert.deepEqual(await operations(['list', '--wait', '1']), {
        status: 2,
        stdout: '',
        stderr: 'NATS does not answer\n',
      })
    })
  })
})
