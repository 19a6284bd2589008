import assert from 'node:assert/strict'
import { natsConfiguration } from '../../src/servers/nats-server.js'
import { redisConfiguration } from '../../src/servers/redis-server.js'

/** A kill cannot show what a power cut would: that these lines are there is all a test can see. */
describe('the configuration of a server of one machine', () => {
  const nats = natsConfiguration({
    port: 4222,
    dataDir: '/data/with "quotes"',
    storeBytesMax: 10,
    fsync: true,
  })
  const redis = redisConfiguration({ port: 6379, dataDir: '/data/with a space' })

  it('nats-server answers a publish only when it is on the disk', () => {
    assert.match(nats, /^ {2}sync_interval: always$/m)
  })

  it('redis-server syncs its append-only file every second and evicts nothing', () => {
    for (const line of ['appendonly yes', 'appendfsync everysec', 'maxmemory-policy noeviction', 'save ""']) {
      assert.ok(redis.split('\n').includes(line), line)
    }
  })

  it('both listen on this machine alone, and take any folder name', () => {
    assert.match(nats, /^listen: "127\.0\.0\.1:4222"$/m)
    assert.match(nats, /store_dir: "\/data\/with \\"quotes\\""/)
    assert.match(redis, /^bind 127\.0\.0\.1$/m)
    assert.match(redis, /^dir "\/data\/with a space"$/m)
  })
})
