import assert from 'node:assert/strict'
import { AuthorizationError, PermissionViolationError } from '@nats-io/nats-core'
import { shardNumber } from '@votestream/schema/numbers'
import { voteSubject } from '@votestream/schema/subjects'
import { IDENTITIES, type Identity } from '../../src/access/identities.js'
import { natsRights } from '../../src/access/nats-rights.js'
import { openDeadLetters } from '../../src/dead-letters.js'
import { followBucket } from '../../src/followed-bucket.js'
import { createLogger } from '../../src/logging.js'
import { connectNats, type Nats } from '../../src/nats.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'
import {
  ensureVoteStreams,
  openBuckets,
  openEventsBucket,
  openLeasesBucket,
  openOperationsBucket,
} from '../../src/streams.js'

const logger = createLogger('test', 'silent')
/** Such that a configuration would take some for a number, a variable, a comment or the end of a text. */
const passwords = { gateway: '3000k', ingest: '$HOME', processor: 'a#b "c" \\d', operator: '-1e5_x' }
const SHARDS = 2

describe("what each service's user may do in NATS", function () {
  this.timeout(20_000)
  let servers: TestServers
  const nats = {} as Record<Identity, Nats>

  before(async () => {
    servers = await startServersForTest(['nats'], { passwords })
    const { url } = servers.get('nats')
    for (const user of IDENTITIES) {
      nats[user] = await connectNats({ url, user, password: passwords[user], name: user, logger })
    }
    const streams = { shards: SHARDS, replicas: 1 }
    // As the services do when they start, in whatever order.
    await ensureVoteStreams(nats.processor, streams)
    await ensureVoteStreams(nats.ingest, streams)
    for (const service of [nats.ingest, nats.processor]) {
      await openEventsBucket(service, 1)
      await openLeasesBucket(service, 1)
    }
    await openBuckets(nats.gateway, 1)
    const operations = await openOperationsBucket(nats.gateway, 1)
    const watch = await followBucket({ bucket: operations, what: 'operations', logger, onEntry: () => {} })
    watch.stop()
    await openDeadLetters(nats.processor, 1)
    for (const user of IDENTITIES) assert.equal(nats[user].refused(), 0, user)
  })
  after(async () => {
    for (const user of IDENTITIES) await nats[user]?.close()
    await servers?.stop()
  })

  /** @returns whether the broker refused it. */
  const isRefused = async (user: Identity, ask: (nats: Nats) => unknown): Promise<boolean> => {
    const before = nats[user].refused()
    ask(nats[user])
    await nats[user].connection.flush()
    // What the broker says is handed on a moment later.
    await new Promise((later) => setImmediate(later))
    return nats[user].refused() > before
  }

  const FORBIDDEN: Readonly<Record<Identity, readonly string[]>> = {
    gateway: [
      ...['votes.0', 'leaderboard.1', 'dead.0.x.1', '$KV.leases.ingest.0', '$KV.leases.member.ingest.me'],
      '$KV.operations.x',
      ...[
        '$JS.API.STREAM.MSG.GET.VOTES_0',
        '$JS.API.DIRECT.GET.VOTES_0',
        '$JS.API.CONSUMER.CREATE.VOTES_0.x',
      ],
      ...['$JS.API.STREAM.CREATE.VOTES_0', '$JS.API.STREAM.PURGE.KV_accounts', '_INBOX.ingest.x'],
    ],
    ingest: [
      ...['$KV.accounts.x', '$KV.credentials.x', '$KV.events.1', '$KV.leases.tally.0', 'leaderboard.1'],
      ...['$JS.API.DIRECT.GET.KV_credentials.$KV.credentials.x', '$JS.API.STREAM.MSG.GET.KV_accounts'],
      ...['ingest.0', 'close.0', 'decide.0', '$JS.API.STREAM.PURGE.VOTES_0', '_INBOX.operator.x'],
    ],
    processor: [
      ...[
        'votes.0',
        'ingest.0',
        'close.0',
        'decide.0',
        '$KV.accounts.x',
        '$KV.events.1',
        '$KV.leases.ingest.0',
      ],
      ...['$JS.API.DIRECT.GET.KV_credentials.$KV.credentials.x', '$JS.API.STREAM.PURGE.KV_leases'],
    ],
    operator: ['votes.0', 'ingest.0', 'close.0', 'decide.0', '_INBOX.gateway.x'],
  }
  const DESTROYING = ['STREAM.DELETE.VOTES_0', 'STREAM.UPDATE.VOTES_0', 'STREAM.MSG.DELETE.VOTES_0']
  const UNHEARD = ['>', 'votes.0', '_INBOX.>', '$JS.API.>', '$KV.>']

  for (const user of IDENTITIES) {
    it(`${user} publishes to nothing that is another's`, async () => {
      const all = user === 'operator' ? [] : DESTROYING.map((call) => `$JS.API.${call}`)
      for (const subject of [...FORBIDDEN[user], ...all]) {
        assert.ok(await isRefused(user, ({ connection }) => connection.publish(subject)), subject)
      }
    })

    it(`${user} hears nothing that is another's`, async () => {
      const heard = natsRights(SHARDS)[user].subscribe.map(({ subject }) => subject)
      const others = IDENTITIES.flatMap((other) => natsRights(SHARDS)[other].subscribe)
      for (const subject of [...UNHEARD, ...others.map((right) => right.subject)]) {
        if (heard.includes(subject)) continue
        assert.ok(await isRefused(user, ({ connection }) => connection.subscribe(subject)), subject)
      }
    })
  }

  it('what the table allows is what the broker lets through, and nothing else that is in it', async () => {
    const rights = natsRights(SHARDS)
    const all = new Set(IDENTITIES.flatMap((user) => rights[user].publish.map(({ subject }) => subject)))
    const covers = (pattern: string, subject: string): boolean =>
      pattern === subject || (pattern.endsWith('.>') && subject.startsWith(pattern.slice(0, -1)))
    for (const user of IDENTITIES) {
      for (const pattern of all) {
        // To a subject that the pattern covers, and on which nothing is done.
        const subject = pattern.replaceAll('*', '9').replace('>', '9')
        if (/STREAM\.CREATE|PURGE/.test(subject)) continue
        const allowed = rights[user].publish.some((right) => covers(right.subject, pattern))
        const refused = await isRefused(user, ({ connection }) => connection.publish(subject))
        assert.equal(refused, !allowed, `${user} ${subject}`)
      }
    }
  })

  it('a question that is not allowed fails at once, and is logged with its subject', async () => {
    const lines: unknown[] = []
    const loud = { ...logger, warn: () => undefined, error: (line: unknown) => void lines.push(line) }
    const { url } = servers.get('nats')
    const login = { user: 'gateway', password: passwords.gateway }
    const gateway = await connectNats({
      url,
      ...login,
      name: 'test',
      logger: loud as unknown as typeof logger,
    })
    try {
      const beganMs = performance.now()
      await assert.rejects(
        gateway.js.publish(voteSubject(shardNumber(0)), 'forged'),
        ({ cause }: Error) => cause instanceof PermissionViolationError,
      )
      assert.ok(performance.now() - beganMs < 1_000)
      assert.deepEqual(lines, [{ operation: 'publish', subject: 'votes.0' }])
    } finally {
      await gateway.close()
    }
  })

  it('nobody comes in without a password, or with a wrong one, in the address or beside it', async () => {
    const { url, port } = servers.get('nats')
    const wrong = [
      { url },
      { url, user: 'gateway', password: 'no' },
      { url: `nats://gateway:no@127.0.0.1:${port}` },
      { url: `nats://gateway@127.0.0.1:${port}` },
    ]
    for (const login of wrong) {
      await assert.rejects(
        connectNats({ ...login, name: 'test', logger }),
        (error) => error instanceof AuthorizationError,
      )
    }
    const inAddress = `nats://processor:${encodeURIComponent(passwords.processor)}@127.0.0.1:${port}`
    const known = await connectNats({ url: inAddress, name: 'test', logger })
    assert.equal((await known.jsm.streams.info('VOTES_0')).config.name, 'VOTES_0')
    await known.close()
  })
})
