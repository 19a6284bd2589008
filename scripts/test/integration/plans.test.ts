import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createQuotaLedger } from '@votestream/gateway/quota-ledger'
import { createStore } from '@votestream/gateway/store'
import { createUsagePlans } from '@votestream/gateway/usage-plans'
import { createLogger } from '@votestream/infra/logging'
import { connectNats, type Nats } from '@votestream/infra/nats'
import { startServersForTest, type TestServers } from '@votestream/infra/servers/test-servers'
import { openPlanBuckets } from '@votestream/infra/streams'
import { hashApiKey } from '@votestream/schema/api-key-record'
import { voterNumber } from '@votestream/schema/numbers'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { encodeQuota } from '@votestream/schema/quota-record'
import { variablesForTests } from '../../src/environment.js'
import type { PlansContext } from '../../src/plans/plans-command.js'
import { runPlans, sentenceOf } from '../../src/plans/run-plans.js'

const ID_SECRET = 'i'.repeat(32)
const USER_ID = createOpaqueIds(ID_SECRET).userId(voterNumber(7))
const KEY = /^vsk_([0-9a-f]{16})_[\w-]{43}$/

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

describe('npm run plans', function () {
  this.timeout(120_000)
  let servers: TestServers
  let nats: Nats

  const plans = (...args: string[]): Promise<Ended> => plansWith({ ID_SECRET }, ...args)
  const plansWith = (variables: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const env = {
        ...variablesForTests(),
        ...{ NATS_URL: servers.get('nats').url, DATA_DIR: servers.folder, ...variables },
      }
      const file = fileURLToPath(new URL('../../src/plans.js', import.meta.url))
      execFile(process.execPath, [file, ...args], { env }, (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr })
      })
    })
  const connect = async (): Promise<PlansContext> => {
    const buckets = await openPlanBuckets(nats, 1)
    const store = createStore(nats)
    const ids = createOpaqueIds(ID_SECRET)
    return {
      plans: createUsagePlans({ bucket: buckets.usagePlans, store, now: Date.now }),
      ledger: createQuotaLedger(buckets.quotas, nats, store),
      ...{ now: Date.now, ids: () => ids, idsIfAny: ids },
    }
  }
  const answerOf = async (...args: string[]) => JSON.parse(await runPlans([...args, '--json'], connect))

  before(async () => {
    servers = await startServersForTest(['nats'])
    const logger = createLogger('plans-test', 'silent')
    nats = await connectNats({ url: servers.get('nats').url, name: 'test', logger })
  })
  after(async () => {
    await nats?.close()
    await servers?.stop()
  })

  it('asks for a system that was started once', async () => {
    const { status, stderr } = await plans('list')
    assert.deepEqual([status, stderr], [2, 'There are no usage plans yet: start Votestream once first.\n'])
  })

  describe('where there is one', () => {
    before(() => openPlanBuckets(nats, 1))

    it('creates, changes, lists and removes plans', async () => {
      const { name, ratePerSecond, burst, quota } = await answerOf(
        ...['create', 'partner', '--rate', '100', '--burst', '200', '--quota', '100000', '--per', 'day'],
      )
      assert.deepEqual(
        { name, ratePerSecond, burst, quota },
        { name: 'partner', ratePerSecond: 100, burst: 200, quota: { limit: 100_000, period: 'day' } },
      )
      await answerOf('create', 'free', '--rate', '0.5', '--burst', '1')
      await answerOf('change', 'free', '--rate', '1', '--burst', '2')
      const { stdout } = await plans('list')
      assert.deepEqual(stdout.trimEnd().split('\n'), [
        'plan      rate  burst         quota',
        'free       1/s      2          none',
        'partner  100/s    200  100000 a day',
      ])
      assert.deepEqual(await answerOf('remove', 'free'), { removed: 'free' })
      assert.deepEqual(
        (await answerOf('list')).map((plan: { name: string }) => plan.name),
        ['partner'],
      )
    })

    it('shows a key once, and lists whose it is and how far its quota is used up', async () => {
      const { stdout } = await plans('keys', 'create', '--plan', 'partner', '--user', USER_ID)
      const [text = ''] = stdout.split('\n')
      const id = KEY.exec(text)?.[1] ?? ''
      assert.ok(id)
      const stored = await nats.jsm.streams.getMessage('KV_usage-plans', {
        last_by_subj: `$KV.usage-plans.key.${id}`,
      })
      assert.ok(stored?.string().includes(hashApiKey(text)))
      const { quotas } = await openPlanBuckets(nats, 1)
      const startMs = Math.floor(Date.now() / 86_400_000) * 86_400_000
      await quotas.put(id, encodeQuota({ version: 1, period: 'day', startMs, taken: 5, held: 0 }))
      const [{ user, used, remaining, renewsAt, plan }] = await answerOf('keys', 'list')
      assert.deepEqual([user, used, remaining, plan], [USER_ID, 5, 99_995, 'partner'])
      assert.equal(Date.parse(renewsAt), startMs + 86_400_000)
      const { stdout: shown } = await plans('keys', 'list')
      assert.ok(shown.includes(`user ${USER_ID}`) && shown.includes('5 of 100000'))
      assert.ok(!shown.includes(text))
    })

    it('rotates, revokes and forgets keys', async () => {
      const { id, key, application } = await answerOf(
        ...['keys', 'create', '--plan', 'partner', '--application', 'The app'],
      )
      assert.deepEqual([KEY.exec(key)?.[1], application], [id, 'The app'])
      const rotated = await answerOf('keys', 'rotate', id, '--grace', '2h')
      assert.ok(rotated.key !== key)
      const graceMs = Date.parse(rotated.previousUntil) - Date.now()
      assert.ok(graceMs > 7_190_000 && graceMs <= 7_201_000, `${graceMs}`)
      assert.equal((await answerOf('keys', 'rotate', id, '--grace', '0')).previousUntil, undefined)
      assert.ok((await answerOf('keys', 'revoke', id)).revokedAt)
      assert.match((await plans('keys', 'list')).stdout, new RegExp(`${id}.*revoked`))
      assert.deepEqual(await answerOf('keys', 'remove', id), { removed: id })
    })

    it('ends with 2 and a sentence that names what is wrong', async () => {
      const faulty: [args: string[], sentence: RegExp][] = [
        [[], /usage:\n {2}npm run -s plans -- list/],
        [['keys', 'burn'], /usage:/],
        [['create'], /usage: npm run -s plans -- create NAME/],
        [['list', 'all'], /usage: npm run -s plans -- list/],
        [['create', 'x', '--burst', '1'], /--rate: takes a number/],
        [['create', 'x', '--rate', 'fast', '--burst', '1'], /--rate fast: takes a number/],
        [['create', 'X', '--rate', '0', '--burst', '1.5'], /NAME: .*\n--rate: .*\n--burst: /],
        [['create', 'x', '--rate', '1', '--burst', '1', '--quota', '5'], /both --quota and --per/],
        [
          ['create', 'x', '--rate', '1', '--burst', '1', '--quota', '0', '--per', 'year'],
          /--quota: .*\n--per: must be one of day, week, month/,
        ],
        [['create', 'partner', '--rate', '1', '--burst', '1'], /There is a usage plan of this name already/],
        [['remove', 'partner'], /There are API keys that go by this usage plan/],
        [['keys', 'create', '--plan', 'partner'], /either --user or --application/],
        [['keys', 'create', '--user', USER_ID], /--plan: is required/],
        [['keys', 'create', '--plan', 'partner', '--user', 'x'], /--user x: is no user's id/],
        [['keys', 'create', '--plan', 'none', '--application', 'a'], /There is no such usage plan/],
        [['keys', 'create', '--plan', 'partner', '--application', ' '], /--application: must be/],
        [['keys', 'rotate', 'x'], /ID: must be the 16 hexadecimal digits/],
        [['keys', 'rotate', '0'.repeat(16), '--grace', 'soon'], /--grace soon: must be seconds/],
        [['keys', 'rotate', '0'.repeat(16), '--grace', '31d'], /--grace: must be .*30 days/],
        [['keys', 'revoke', '0'.repeat(16)], /There is no such API key/],
        [['list', '--wait', 'long'], /--wait takes a number/],
        [['list', '--loud'], /Unknown option '--loud'/],
      ]
      for (const [args, sentence] of faulty) {
        const told = await runPlans(args, connect).then(
          () => assert.fail(args.join(' ')),
          (error: unknown) => sentenceOf(error),
        )
        assert.match(told, sentence)
      }
      const { status, stdout, stderr } = await plans('create', 'X', '--rate', '1', '--burst', '1')
      assert.deepEqual([status, stdout], [2, ''])
      assert.match(stderr, /^NAME: must be [^\n]+\n$/)
    })

    it('needs the secret of identifiers for a user, and for nothing else', async () => {
      const { status, stderr } = await plansWith({}, 'keys', 'create', '--plan', 'partner', '--user', USER_ID)
      assert.equal(status, 2)
      assert.match(stderr, /--user: can only be read with ID_SECRET/)
      const { stdout } = await plansWith({}, 'keys', 'list')
      assert.match(stdout, /user number 7/)
    })

    it('ends with 2 when the broker does not answer', async () => {
      await servers.kill('nats')
      assert.deepEqual(await plans('list', '--wait', '1'), {
        status: 2,
        stdout: '',
        stderr: 'NATS does not answer\n',
      })
    })
  })
})
