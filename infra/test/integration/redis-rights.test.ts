import assert from 'node:assert/strict'
import { KNOWN_LOGINS_KEY, loginFailuresKey } from '@votestream/schema/redis-keys'
import { beginLoginScript, endLoginScript } from '@votestream/schema/redis-scripts'
import { Redis } from 'ioredis'
import { IDENTITIES, type Identity } from '../../src/access/identities.js'
import { createLogger } from '../../src/logging.js'
import { connectRedis, redisReady, refuseEviction } from '../../src/redis.js'
import { startServersForTest, type TestServers } from '../../src/servers/test-servers.js'

const logger = createLogger('test', 'silent')
const passwords = {
  gateway: 'of gateway',
  ingest: 'of:ingest@',
  processor: 'of#processor',
  operator: 'ofoperator',
}

describe("what each service's user may do in Redis", () => {
  let servers: TestServers
  const redis = {} as Record<Identity, Redis>

  before(async () => {
    servers = await startServersForTest(['redis'], { passwords })
    const { url } = servers.get('redis')
    for (const user of IDENTITIES) {
      redis[user] = connectRedis({ url, user, password: passwords[user], name: user, logger })
      await redisReady(redis[user], 5_000)
    }
    await redis.processor.hset('{s0}:event:1:tally', '0', 5)
    await redis.operator.set('elsewhere', 'of nobody')
  })
  after(async () => {
    for (const user of IDENTITIES) redis[user]?.disconnect()
    await servers?.stop()
  })

  type Command = readonly [string, ...(string | number)[]]
  const mayNot = async (user: Identity, commands: readonly Command[]): Promise<void> => {
    for (const [name, ...args] of commands) {
      await assert.rejects(redis[user].call(name, ...args), /^ReplyError: NOPERM/, `${user}: ${name} ${args}`)
    }
  }

  const WRITES: readonly Command[] = [
    ['HSET', '{s0}:event:1:tally', '0', '9'],
    ['HINCRBY', '{s0}:event:1:tally', '0', 1],
    ['SET', '{s0}:event:1:voted:0', 'x'],
    ['DEL', '{s0}:event:1:tally'],
    ['UNLINK', '{s0}:event:1:tally'],
    ['EXPIRE', '{s0}:event:1:tally', 1],
    ['RENAME', '{s0}:event:1:tally', '{s0}:x'],
    ['EVAL', "return redis.call('HSET', KEYS[1], '0', 9)", 1, '{s0}:event:1:tally'],
  ]
  const DANGEROUS: readonly Command[] = [
    ...([['CONFIG', 'GET', '*'], ['CONFIG', 'SET', 'requirepass', ''], ['SHUTDOWN']] as const),
    ...([['REPLICAOF', 'NO', 'ONE'], ['ACL', 'LIST'], ['ACL', 'SETUSER', 'x', 'on'], ['MONITOR']] as const),
    ...([['KEYS', '*'], ['CLIENT', 'KILL', 'TYPE', 'normal'], ['MODULE', 'LIST'], ['SAVE']] as const),
  ]

  for (const user of ['gateway', 'ingest'] as const) {
    it(`${user} reads the view and changes nothing in it, by no script either`, async () => {
      assert.equal(await redis[user].hget('{s0}:event:1:tally', '0'), '5')
      const read = await redis[user]
        .multi()
        .hgetall('{s0}:event:1:tally')
        .hmget('{s0}:checkpoint', 'sequence')
        .exec()
      assert.deepEqual(read, [
        [null, { 0: '5' }],
        [null, [null]],
      ])
      await mayNot(user, [...WRITES, ['GET', 'elsewhere'], ['SCAN', 0], ['FLUSHALL']])
      assert.equal(await redis.operator.hget('{s0}:event:1:tally', '0'), '5')
    })
  }

  it('gateways count requests together on keys of their own, and nobody else does', async () => {
    const count = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    assert.equal(await redis.gateway.eval(count, 1, 'limit:x', 2), 2)
    await mayNot('ingest', [['EVAL', count, 1, 'limit:x', 1]])
    await mayNot('processor', [['EVAL', count, 1, 'limit:x', 1]])
    await assert.rejects(
      redis.gateway.eval("return redis.call('DEL', '{s0}:event:1:tally')", 1, 'limit:x'),
      /can't access at least one of the keys/,
    )
  })

  it('gateways count failed logins together by the scripts for that, and nobody else does', async () => {
    const keys = [
      KNOWN_LOGINS_KEY,
      ...['pair', 'account', 'address'].map((kind) => loginFailuresKey(kind, 'x')),
    ]
    const curve = [5, 1, 1_000, 60_000, 5]
    const begin = [keys.length, ...keys, 'x', ...curve, ...curve, ...curve] as const
    const begun = (await redis.gateway.eval(beginLoginScript, ...begin)) as number[]
    assert.deepEqual([begun.length, begun[0]], [5, 0])
    await redis.gateway.eval(endLoginScript, keys.length, ...keys, 'x', 1, begun[1] ?? 0, 10, 60_000, 0, 0, 0)
    assert.deepEqual(await redis.operator.zrange(KNOWN_LOGINS_KEY, 0, '-1'), ['x'])
    assert.equal(await redis.operator.exists(...keys.slice(1)), 0)
    for (const user of ['ingest', 'processor'] as const)
      await mayNot(user, [['EVAL', beginLoginScript, ...begin]])
  })

  it('processor writes the view, and no other key', async () => {
    const script = "redis.call('HSET', KEYS[1], '0', ARGV[1]) return redis.call('HGET', KEYS[1], '0')"
    assert.equal(await redis.processor.eval(script, 1, '{s1}:event:1:tally', 7), '7')
    await refuseEviction(redis.processor)
    await mayNot('processor', [
      ...([
        ['GET', 'elsewhere'],
        ['SET', 'elsewhere', 'x'],
        ['DEL', 'limit:x'],
        ['FLUSHALL'],
        ['FLUSHDB'],
      ] as const),
      ['RENAME', '{s0}:event:1:tally', '{s0}:x'],
    ])
  })

  for (const user of IDENTITIES) {
    it(`${user} neither reads nor changes how the server is set up, nor stops it`, () =>
      mayNot(user, DANGEROUS))
  }

  it('nobody comes in without a password, or with a wrong one', async () => {
    const { url, port } = servers.get('redis')
    const ask = async (login: object, address = url): Promise<unknown> => {
      const client = new Redis(address, {
        ...login,
        lazyConnect: true,
        retryStrategy: () => null,
        enableReadyCheck: false,
      })
      client.on('error', () => undefined)
      try {
        return await client.hgetall('{s0}:event:1:tally')
      } finally {
        client.disconnect()
      }
    }
    await assert.rejects(ask({}), /NOAUTH|WRONGPASS/)
    await assert.rejects(ask({ password: passwords.operator }), /NOAUTH|WRONGPASS/)
    await assert.rejects(ask({ username: 'gateway', password: 'no' }), /NOAUTH|WRONGPASS/)
    const inAddress = connectRedis({
      url: `redis://ingest:${encodeURIComponent(passwords.ingest)}@127.0.0.1:${port}`,
      ...{ name: 'test', logger },
    })
    await redisReady(inAddress, 5_000)
    inAddress.disconnect()
  })
})
